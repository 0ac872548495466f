import type { AcceptedBar, Phase, Source, ChartAnswer, CorporateAction, IndicatorColumns } from '@/api/types';
import { epochSeconds, price, type EpochSeconds, type Price } from '@/lib/brand';

/** All loaded bars as columns of one length, oldest first. */
export interface ChartData {
  t: readonly EpochSeconds[];
  o: readonly (Price | null)[];
  h: readonly (Price | null)[];
  l: readonly (Price | null)[];
  c: readonly (Price | null)[];
  v: readonly (number | null)[];
  /** What each bar was made of, and when it was traded. */
  source: readonly Source[];
  phase: readonly Phase[];
  indicators: readonly IndicatorColumns[];
  actions: readonly CorporateAction[];
  quarantined: number;
  /** Bars that stand because somebody said that they are true, by their start; of some pages perhaps not all. */
  accepted: ReadonlyMap<number, AcceptedBar>;
  acceptedComplete: boolean;
  hasEarlier: boolean;
  /** The bars from this index on are not closed; the length where all are. */
  formingFrom: number;
}

/** Joins pages as they were asked for: the newest first, each next one older. */
export function joinPages(pages: readonly ChartAnswer[]): ChartData {
  const oldestFirst = withoutOverlap(pages).reverse();
  const prices = (key: 'o' | 'h' | 'l' | 'c') => pricesOf(oldestFirst.flatMap((page) => page[key]));
  return {
    t: oldestFirst.flatMap((page) => page.t).map(epochSeconds),
    o: prices('o'),
    h: prices('h'),
    l: prices('l'),
    c: prices('c'),
    v: oldestFirst.flatMap((page) => page.v),
    source: oldestFirst.flatMap((page) => page.sources.flatMap((run) => repeated(run.source, run.bars)).slice(0, page.t.length)),
    phase: oldestFirst.flatMap((page) => page.phases.flatMap((run) => repeated(run.phase, run.bars)).slice(0, page.t.length)),
    indicators: joinIndicators(oldestFirst),
    actions: pages[0]?.actions ?? [],
    quarantined: pages[0]?.quarantined ?? 0,
    accepted: new Map(pages.flatMap((page) => page.accepted.map((bar) => [bar.t, bar]))),
    acceptedComplete: pages.every((page) => page.accepted_complete),
    hasEarlier: pages.at(-1)?.has_earlier ?? false,
    formingFrom: oldestFirst.reduce((sum, page) => sum + page.t.length, 0),
  };
}

const repeated = <T>(value: T, times: number): T[] => new Array<T>(times).fill(value);

export const pricesOf = (column: readonly (number | null)[]): (Price | null)[] =>
  column.map((value) => (value === null ? null : price(value)));

function joinIndicators(oldestFirst: readonly ChartAnswer[]): IndicatorColumns[] {
  const last = oldestFirst.at(-1);
  return (last?.indicators ?? []).map((indicator, position) => ({
    ...indicator,
    outputs: Object.fromEntries(
      Object.keys(indicator.outputs).map((name) => [
        name,
        oldestFirst.flatMap((page) => page.indicators[position]?.outputs[name] ?? page.t.map(() => null)),
      ]),
    ),
  }));
}

/** Pages refetched while bars were added may meet in the middle: an older one keeps what is before the newer. */
function withoutOverlap(pages: readonly ChartAnswer[]): ChartAnswer[] {
  let before = Infinity;
  const kept: ChartAnswer[] = [];
  for (const page of pages) {
    const count = page.t.findLastIndex((t) => t < before) + 1;
    kept.push(count === page.t.length ? page : firstBars(page, count));
    before = Math.min(before, page.t[0] ?? before);
  }
  return kept;
}

function firstBars(page: ChartAnswer, count: number): ChartAnswer {
  const cut = <T>(column: readonly T[]): T[] => column.slice(0, count);
  const cutOutputs = (outputs: IndicatorColumns['outputs']) =>
    Object.fromEntries(Object.entries(outputs).map(([name, column]) => [name, cut(column)]));
  return {
    ...page,
    t: cut(page.t),
    o: cut(page.o),
    h: cut(page.h),
    l: cut(page.l),
    c: cut(page.c),
    v: cut(page.v),
    indicators: page.indicators.map((indicator) => ({ ...indicator, outputs: cutOutputs(indicator.outputs) })),
  };
}
