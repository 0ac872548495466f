import { keepPreviousData, useQuery, type UseQueryResult } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { get } from '@/api/client';
import type { InstrumentPage } from '@/api/types';

const TYPING_PAUSE_MS = 120;

export function useSearch(text: string, enabled: boolean): UseQueryResult<InstrumentPage> {
  const query = useSettled(text.trim());
  return useQuery({
    queryKey: ['search', query],
    queryFn: ({ signal }) => get<InstrumentPage>('/api/v1/stocks', { query: query || undefined, limit: 50 }, signal),
    enabled,
    placeholderData: keepPreviousData,
  });
}

function useSettled(value: string): string {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => {
      setSettled(value);
    }, TYPING_PAUSE_MS);
    return () => {
      clearTimeout(timer);
    };
  }, [value]);
  return settled;
}
