import { useInfiniteQuery, useQuery, useQueryClient, type InfiniteData, type QueryClient } from '@tanstack/react-query';
import { get } from '@/api/client';
import type { Adjustment, BarsAnswer, ChartAnswer, Hours, Interval } from '@/api/types';
import { isIntraday, type Range } from '@/domain/intervals';
import { pageSize } from './ranges';

export interface ChartRequest {
  symbol: string;
  interval: Interval;
  adjustment: Adjustment;
  extended: boolean;
  indicators: readonly string[];
}

type Pages = InfiniteData<ChartAnswer, number | null>;

/** Days are made of their sessions, so that only shorter bars have hours beside them. */
const hoursOf = ({ interval, extended }: ChartRequest): Hours => (extended && isIntraday(interval) ? 'extended' : 'regular');

const barsKey = (request: ChartRequest) =>
  ['chart', request.symbol, request.interval, request.adjustment, hoursOf(request)] as const;

/** Bars and indicators, the newest page first; an older page ends just before the oldest bar loaded. */
export function useChart(request: ChartRequest, range: Range | null) {
  const client = useQueryClient();
  const { symbol, interval, adjustment, indicators } = request;
  return useInfiniteQuery({
    queryKey: [...barsKey(request), indicators],
    initialPageParam: null as number | null,
    queryFn: ({ pageParam, signal }) => {
      // As many as there are already: a new indicator loses none from view, and older pages double what is loaded.
      const limit = Math.max(pageSize(interval, range), loadedBars(client, request));
      const until = pageParam === null ? {} : { to: String(pageParam) };
      const query = { interval, adjustment, hours: hoursOf(request), limit, ...until, i: [...indicators] };
      return get('/api/v1/stocks/{symbol}/chart', { path: { symbol }, query }, signal);
    },
    getNextPageParam: (page) => (page.has_earlier && page.t[0] !== undefined ? page.t[0] - 1 : null),
    // Only the same bars may stand in while an indicator is added: never one stock's under another's name.
    placeholderData: (previous: Pages | undefined) => (matches(previous, request) ? previous : undefined),
  });
}

function matches(pages: Pages | undefined, request: ChartRequest): boolean {
  const page = pages?.pages[0];
  return (
    page?.symbol === request.symbol &&
    page.interval === request.interval &&
    page.adjustment === request.adjustment &&
    page.hours === hoursOf(request)
  );
}

/** How many of these bars any set of indicators has loaded. */
function loadedBars(client: QueryClient, request: ChartRequest): number {
  const known = client.getQueriesData<Pages>({ queryKey: barsKey(request) });
  const counts = known.map(([, data]) => data?.pages.reduce((sum, page) => sum + page.t.length, 0) ?? 0);
  return Math.min(50_000, Math.max(0, ...counts));
}

export interface CompareRequest {
  symbol: string | null;
  interval: Interval;
  adjustment: Adjustment;
  /** Oldest bar of the chart it is compared with; null while that is loading. */
  from: number | null;
}

export function useCompareBars({ symbol, interval, adjustment, from }: CompareRequest) {
  return useQuery<BarsAnswer>({
    queryKey: ['compare', symbol, interval, adjustment, from],
    queryFn: ({ signal }) => {
      // A week or month may open on another day there: ask from a little before.
      const query = { interval, adjustment, from: String((from ?? 0) - 31 * 86_400), limit: 50_000 };
      return get('/api/v1/stocks/{symbol}/bars', { path: { symbol: symbol ?? '' }, query }, signal);
    },
    enabled: symbol !== null && from !== null,
    placeholderData: (previous) =>
      previous?.symbol === symbol && previous.interval === interval && previous.adjustment === adjustment
        ? previous
        : undefined,
  });
}
