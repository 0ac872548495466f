import { keepPreviousData, useQuery, type UseQueryResult } from '@tanstack/react-query';
import { get } from '@/api/client';
import type { InstrumentDetail, InstrumentPage } from '@/api/types';

export function useInstrument(symbol: string): UseQueryResult<InstrumentDetail> {
  return useQuery({
    queryKey: ['instrument', symbol],
    queryFn: ({ signal }) => get<InstrumentDetail>(`/api/v1/stocks/${encodeURIComponent(symbol)}`, {}, signal),
  });
}

/** A handful of stocks that are there, for a reader whose address names one that is not. */
export function useSomeInstruments(enabled: boolean): UseQueryResult<InstrumentPage> {
  return useQuery({
    queryKey: ['instruments', 'some'],
    queryFn: ({ signal }) => get<InstrumentPage>('/api/v1/stocks', { limit: 12 }, signal),
    enabled,
    placeholderData: keepPreviousData,
  });
}
