import { useQuery, type UseQueryResult } from '@tanstack/react-query';
import { get } from '@/api/client';
import type { IndicatorDefinition, IndicatorCatalogue } from '@/api/types';

export function useCatalogue(): UseQueryResult<IndicatorDefinition[]> {
  return useQuery({
    queryKey: ['indicators'],
    queryFn: async ({ signal }) => (await get<IndicatorCatalogue>('/api/v1/indicators', {}, signal)).items,
    staleTime: Infinity,
  });
}
