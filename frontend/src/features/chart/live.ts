import type { IndicatorColumns, Interval } from '@/api/types';
import type { LiveBars, LiveColumn } from '@/domain/live';
import { isIntraday } from '@/domain/intervals';
import { epochSeconds, type EpochSeconds } from '@/lib/brand';
import { changeOf } from '@/lib/prices';
import { pricesOf, type ChartData } from './data';
import { chartTimes } from './times';

/**
 * The loaded bars with the live ones in their places and after them. While a replay runs, time ends with its newest
 * bar. isExtended: the loaded indicators include hours that live ones do not, so that these are left out.
 */
export function withLive(data: ChartData, live: LiveBars | null, isExtended: boolean): ChartData {
  const newest = live?.t.at(-1);
  if (live === null || newest === undefined || data.t.length === 0) return data;
  const loaded = new Map(data.t.map((t, i) => [t as number, i]));
  const fresh = new Map(live.t.map((t, i) => [t, i]));
  const until = live.feed === 'replay' ? newest : Infinity;
  const times = [...new Set([...loaded.keys(), ...fresh.keys()])].filter((t) => t <= until).sort((a, b) => a - b);
  const rows = times.map((t): Row => ({ loaded: loaded.get(t) ?? -1, live: fresh.get(t) ?? -1 }));
  const joined = (old: LiveColumn, now: LiveColumn) => rows.map((row) => (row.live >= 0 ? now[row.live] : old[row.loaded]) ?? null);
  const firstForming = times.findIndex((t) => live.forming.has(t));
  return {
    ...data,
    t: times.map(epochSeconds),
    o: pricesOf(joined(data.o, live.o)),
    h: pricesOf(joined(data.h, live.h)),
    l: pricesOf(joined(data.l, live.l)),
    c: pricesOf(joined(data.c, live.c)),
    v: joined(data.v, live.v),
    source: rows.map((row) => data.source[row.loaded] ?? '1d'),
    phase: rows.map((row) => data.phase[row.loaded] ?? 'regular'),
    indicators: data.indicators.map((one) => joinIndicator(one, rows, isExtended ? undefined : live.indicators.get(one.spec))),
    formingFrom: firstForming < 0 ? times.length : firstForming,
  };
}

/** Where a bar is among the loaded and among the live ones; -1 = it is not. */
interface Row {
  loaded: number;
  live: number;
}

function joinIndicator(one: IndicatorColumns, rows: readonly Row[], live: Readonly<Record<string, LiveColumn>> | undefined): IndicatorColumns {
  const outputs = Object.entries(one.outputs).map(([name, column]): [string, (number | null)[]] => {
    const now = live?.[name];
    return [name, rows.map((row) => (now !== undefined && row.live >= 0 ? now[row.live] : column[row.loaded]) ?? null)];
  });
  return { ...one, outputs: Object.fromEntries(outputs) };
}

/** Whether bars are missing between the loaded and the live ones, as after a long sleep. */
export function hasGap(data: ChartData, live: LiveBars | null): boolean {
  const [oldest, last] = [live?.t[0], data.t.at(-1)];
  return oldest !== undefined && last !== undefined && live?.feed !== 'replay' && oldest > last;
}

export interface Quote {
  price: number;
  /** Against the last price of the day before on the exchange's clock, of longer bars the bar before; as a ratio. */
  change: number | null;
}

export function lastQuote({ t, c }: Pick<ChartData, 't' | 'c'>, interval: Interval, timeZone: string): Quote | null {
  const price = c.at(-1) ?? null;
  if (price === null) return null;
  return { price, change: changeOf(isIntraday(interval) ? closeOfDayBefore(t, c, timeZone) : (c.at(-2) ?? null), price) };
}

const MOST_BARS_A_DAY = 1_500;

function closeOfDayBefore(t: readonly EpochSeconds[], c: LiveColumn, timeZone: string): number | null {
  const first = Math.max(0, t.length - MOST_BARS_A_DAY);
  const days = chartTimes(t.slice(first), true, timeZone).map((local) => Math.floor(local / 86_400));
  const place = days.findLastIndex((day) => day !== days.at(-1));
  return place < 0 ? null : (c[first + place] ?? null);
}
