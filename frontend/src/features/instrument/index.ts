import { keepPreviousData, useQuery, type UseQueryResult } from '@tanstack/react-query';
import { get } from '@/api/client';
import type { Answer, InstrumentDetail } from '@/api/types';

export function useInstrument(symbol: string): UseQueryResult<InstrumentDetail> {
  return useQuery({
    queryKey: ['instrument', symbol],
    queryFn: ({ signal }) => get('/api/v1/stocks/{symbol}', { path: { symbol } }, signal),
  });
}

/** A handful of stocks that are there, for a reader whose address names one that is not. */
export function useSomeInstruments(enabled: boolean): UseQueryResult<Answer<'/api/v1/stocks'>> {
  return useQuery({
    queryKey: ['instruments', 'some'],
    queryFn: ({ signal }) => get('/api/v1/stocks', { query: { limit: 12 } }, signal),
    enabled,
    placeholderData: keepPreviousData,
  });
}
