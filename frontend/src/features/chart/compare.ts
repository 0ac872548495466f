import type { Interval } from '@/api/types';
import type { EpochSeconds, Price } from '@/lib/brand';

const DAY_S = 86_400;

/** The same for two bars of one period: their dates differ where one exchange was closed on the first day. */
function periodOf(t: EpochSeconds, interval: Interval): number {
  if (interval === '1w') return Math.floor((t / DAY_S + 3) / 7);
  if (interval !== '1mo') return t;
  const date = new Date(t * 1000);
  return date.getUTCFullYear() * 12 + date.getUTCMonth();
}

/** The other stock's close at each bar of this one; null where it has no bar of that period. */
export function alignCloses(
  t: readonly EpochSeconds[],
  otherT: readonly EpochSeconds[],
  otherClose: readonly (Price | null)[],
  interval: Interval,
): (Price | null)[] {
  const closes = new Map<number, Price | null>(
    otherT.map((one, position) => [periodOf(one, interval), otherClose[position] ?? null]),
  );
  return t.map((one) => closes.get(periodOf(one, interval)) ?? null);
}

/** First position from `from` on at which every column has a price above 0; null where there is none. */
export function commonStart(columns: readonly (readonly (number | null)[])[], from: number): number | null {
  const length = columns[0]?.length ?? 0;
  for (let i = Math.max(0, from); i < length; i += 1) {
    if (columns.every((column) => (column[i] ?? 0) > 0)) return i;
  }
  return null;
}

/** Per cent above `base`. */
export function percentFrom(base: number, value: number | null): number | null {
  return value === null ? null : (value / base - 1) * 100;
}
