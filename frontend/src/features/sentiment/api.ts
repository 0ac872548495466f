import { useQuery } from '@tanstack/react-query';
import { get } from '@/api/client';
import type { SentimentInterval } from '@/api/types';

const REFRESH_MS = 60_000;
const SOURCES_REFRESH_MS = 10_000;
/** Buckets that the pane shows, the newest ones. */
const MOST_BUCKETS = 120;
const MOST_POSTS = 100;

export function useSentiment(symbol: string, interval: SentimentInterval, enabled: boolean) {
  return useQuery({
    queryKey: ['sentiment', symbol, interval],
    queryFn: ({ signal }) =>
      get('/api/v1/sentiment/{symbol}', { path: { symbol }, query: { interval, limit: MOST_BUCKETS } }, signal),
    refetchInterval: REFRESH_MS,
    retry: false,
    enabled,
  });
}

export function useSources() {
  return useQuery({
    queryKey: ['sentiment', 'sources'],
    queryFn: ({ signal }) => get('/api/v1/sentiment-sources', {}, signal),
    refetchInterval: SOURCES_REFRESH_MS,
    staleTime: 0,
    retry: false,
  });
}

/** start: of the bucket, epoch seconds. */
export function usePosts(symbol: string, interval: SentimentInterval, start: number) {
  return useQuery({
    queryKey: ['sentiment', 'posts', symbol, interval, start],
    queryFn: ({ signal }) =>
      get(
        '/api/v1/sentiment/{symbol}/posts',
        { path: { symbol }, query: { interval, start: String(start), limit: MOST_POSTS } },
        signal,
      ),
    staleTime: 0,
    retry: false,
  });
}
