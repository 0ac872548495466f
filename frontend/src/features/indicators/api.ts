import { useQuery, type UseQueryResult } from '@tanstack/react-query';
import { get } from '@/api/client';
import type { IndicatorDefinition } from '@/api/types';

export function useCatalogue(): UseQueryResult<IndicatorDefinition[]> {
  return useQuery({
    queryKey: ['indicators'],
    queryFn: async ({ signal }) => (await get('/api/v1/indicators', {}, signal)).items,
    staleTime: Infinity,
  });
}
