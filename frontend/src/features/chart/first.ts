import { useCallback, useEffect, useRef } from 'react';
import { barIndex } from '@/lib/brand';
import type { useChart } from './api';
import type { ChartView } from './ChartView';

/** The way to the first stored bar: loads what lies before the loaded ones, unless the reader goes elsewhere meanwhile. */
export function useFirstBar(view: ChartView | null, chart: ReturnType<typeof useChart>, shown: string) {
  /** What was shown when the reader asked; null = not on the way. */
  const asked = useRef<string | null>(null);
  const { hasNextPage, isFetching, isError, fetchNextPage } = chart;
  const advance = useCallback(() => {
    if (asked.current !== shown || view === null || isFetching) return;
    if (hasNextPage && !isError) void fetchNextPage();
    else {
      asked.current = null;
      view.pointAt(barIndex(0));
    }
  }, [shown, view, hasNextPage, isFetching, isError, fetchNextPage]);
  useEffect(advance, [advance]);
  const go = (): void => {
    asked.current = shown;
    advance();
  };
  const stay = (): void => {
    asked.current = null;
  };
  return { go, stay };
}
