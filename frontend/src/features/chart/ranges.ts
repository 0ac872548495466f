import type { Interval } from '@/api/types';
import { barsInRange, isIntraday, type Range } from '@/domain/intervals';
import { epochSeconds, type EpochSeconds } from '@/lib/brand';

const MONTHS: Partial<Record<Range, number>> = { '1M': 1, '3M': 3, '6M': 6, '1Y': 12, '5Y': 60 };

/** Where a range that ends with the bar at `last` begins. */
export function rangeStart(last: EpochSeconds, range: Range): EpochSeconds {
  const end = new Date(last * 1000);
  if (range === 'All') return epochSeconds(-Infinity);
  if (range === 'YTD') return epochSeconds(Date.UTC(end.getUTCFullYear(), 0, 1) / 1000);
  const month = end.getUTCMonth() - (MONTHS[range] ?? 0);
  // The 31st has no day in a shorter month: then the last day of that month.
  const lastDay = new Date(Date.UTC(end.getUTCFullYear(), month + 1, 0)).getUTCDate();
  return epochSeconds(Date.UTC(end.getUTCFullYear(), month, Math.min(end.getUTCDate(), lastDay)) / 1000);
}

/** Index of the first bar of the range, and whether bars before the loaded ones belong to it too. */
export function rangeSpan(
  t: readonly EpochSeconds[],
  range: Range,
  hasEarlier: boolean,
): { first: number; incomplete: boolean } {
  const last = t.at(-1);
  if (last === undefined) return { first: 0, incomplete: false };
  const start = rangeStart(last, range);
  const found = t.findIndex((one) => one >= start);
  return { first: Math.max(0, found), incomplete: hasEarlier && (t[0] ?? last) > start };
}

const LEAST = 1000;
const MOST = 20_000;

/** How many bars to ask for at once: the range and half as much again for panning. */
export function pageSize(interval: Interval, range: Range | null): number {
  if (range === 'All') return isIntraday(interval) ? MOST : 50_000;
  if (range === null) return LEAST;
  return Math.min(MOST, Math.max(LEAST, Math.ceil(barsInRange(interval, range) * 1.5)));
}
