import type { Adjustment, Interval } from '@/api/types';

export const INTERVALS = ['1m', '5m', '15m', '30m', '1h', '1d', '1w', '1mo'] as const satisfies readonly Interval[];
export const ADJUSTMENTS = ['raw', 'split', 'dividend', 'all'] as const satisfies readonly Adjustment[];
export const RANGES = ['1M', '3M', '6M', 'YTD', '1Y', '5Y', 'All'] as const;
export type Range = (typeof RANGES)[number];

const MINUTES: Partial<Record<Interval, number>> = { '1m': 1, '5m': 5, '15m': 15, '30m': 30, '1h': 60 };
const SESSIONS: Record<Range, number> = { '1M': 22, '3M': 64, '6M': 128, YTD: 253, '1Y': 253, '5Y': 1260, All: Infinity };

export const isIntraday = (interval: Interval): boolean => interval in MINUTES;

/** About how many bars of `interval` a range holds, on a session of 6.5 hours; Infinity for All. */
export function barsInRange(interval: Interval, range: Range): number {
  const sessions = SESSIONS[range];
  const minutes = MINUTES[interval];
  if (minutes !== undefined) return Math.ceil((sessions * 390) / minutes);
  return Math.ceil(sessions / (interval === '1w' ? 5 : interval === '1mo' ? 21 : 1));
}

/** The range to keep after a change of interval: none (= the latest bars) where it would be a blur or a blank. */
export function rangeFor(interval: Interval, range: Range | null): Range | null {
  if (range === null || range === 'All') return isIntraday(interval) ? null : range;
  const bars = barsInRange(interval, range);
  return bars > 2500 || bars < 10 ? null : range;
}

/** The interval to show a range in: the present one, or the finest one that stays readable. */
export function intervalFor(range: Range, present: Interval, available: readonly Interval[]): Interval {
  if (!isIntraday(present) || range === 'All' || barsInRange(present, range) <= 5000) return present;
  return available.find((interval) => barsInRange(interval, range) <= 2500) ?? present;
}
