import { keepPreviousData, queryOptions, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { get } from '@/api/client';
import type { InstrumentItem } from '@/api/types';

const TYPING_PAUSE_MS = 120;
const NONE: readonly InstrumentItem[] = [];

const searchFor = (query: string) =>
  queryOptions({
    queryKey: ['search', query],
    queryFn: ({ signal }) => get('/api/v1/stocks', { query: { query, limit: 50 } }, signal),
  });

export interface Search {
  /** What is known by now: while typing goes on, still the answer to a text before. */
  items: readonly InstrumentItem[];
  state: 'searching' | 'answered' | 'failed';
  retry: () => void;
  /** The answer to the text as it stands, for a reader who presses Enter before it has come. */
  answer: () => Promise<readonly InstrumentItem[]>;
}

export function useSearch(text: string, enabled: boolean): Search {
  const client = useQueryClient();
  const wanted = text.trim();
  const query = useQuery({ ...searchFor(useSettled(wanted)), enabled, placeholderData: keepPreviousData });
  return {
    items: query.data?.items ?? NONE,
    state: query.isError ? 'failed' : query.isPending ? 'searching' : 'answered',
    retry: () => void query.refetch(),
    answer: async () => (await client.query(searchFor(wanted))).items,
  };
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
