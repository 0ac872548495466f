/** How the reader has set the panes out, by the keys of their panes; the price pane has the key `''`. */
export interface Arrangement {
  collapsed: ReadonlySet<string>;
  /** The one pane that has all the room; null = none. */
  maximised: string | null;
}

export const PRICE_PANE = '';
export const AS_THEY_COME: Arrangement = { collapsed: new Set(), maximised: null };

/** What is left of a collapsed pane: the row of its legend. */
export const STRIP = 28;
/** What is left of the price pane when another one is maximised: its name and its values. */
const PRICE_STRIP = 60;
/** Of a pane that gives way to a maximised one; the library draws none thinner. */
const GONE = 2;
/** Of the price pane beside so many others, each of which has 1: among many it must stay readable. */
const priceShare = (others: number): number => Math.max(3, others / 2);

export interface PaneSize {
  height: number;
  /** Whether its bars and lines are drawn. */
  open: boolean;
}

/** The maximised pane, unless it is gone from the chart. */
export const maximisedOf = (keys: readonly string[], { maximised }: Arrangement): string | null =>
  maximised !== null && keys.includes(maximised) ? maximised : null;

/**
 * Heights of the panes, the price pane first, that add up to `total` where it has room for them.
 * shares: how the open panes divide what is left; one that is not there takes that of an ordinary pane.
 */
export function sizesOf(keys: readonly string[], total: number, arrangement: Arrangement, shares: ReadonlyMap<string, number>): PaneSize[] {
  const maximised = maximisedOf(keys, arrangement);
  const fixed = keys.map((key) => {
    if (maximised === null) return arrangement.collapsed.has(key) ? STRIP : null;
    return key === maximised ? null : key === PRICE_PANE ? PRICE_STRIP : GONE;
  });
  const share = (key: string) => shares.get(key) ?? usualShare(key, keys);
  const left = Math.max(0, total - fixed.reduce<number>((sum, height) => sum + (height ?? 0), 0));
  const all = keys.reduce((sum, key, i) => (fixed[i] === null ? sum + share(key) : sum), 0);
  return keys.map((key, i) => {
    const height = fixed[i] ?? null;
    return height === null ? { height: (left * share(key)) / all, open: true } : { height, open: false };
  });
}

const usualShare = (key: string, keys: readonly string[]): number => (key === PRICE_PANE ? priceShare(keys.length - 1) : 1);

/** Shares after the reader has moved a border: the heights of the open panes, an ordinary pane counting as 1. */
export function sharesOf(keys: readonly string[], heights: readonly number[], sizes: readonly PaneSize[], before: ReadonlyMap<string, number>): Map<string, number> {
  const open = keys.flatMap((key, i) => (sizes[i]?.open === true ? [{ key, height: heights[i] ?? 0 }] : []));
  const all = open.reduce((sum, { height }) => sum + height, 0);
  const ordinary = open.reduce((sum, { key }) => sum + (before.get(key) ?? usualShare(key, keys)), 0);
  const shares = new Map(before);
  if (all > 0) for (const { key, height } of open) shares.set(key, (height / all) * ordinary);
  return shares;
}

/** Room for the price and, below it, for every pane to be read; a stage that is too short scrolls. */
export const leastHeight = (panes: number): number => 190 + (panes - 1) * (STRIP + 2);

/** The specs with two neighbouring panes changed about; null where there is no pane on that side. */
export function movedBy(step: -1 | 1, spec: string, paneSpecs: readonly string[], all: readonly string[]): string[] | null {
  const neighbour = paneSpecs[paneSpecs.indexOf(spec) + step];
  if (neighbour === undefined || !paneSpecs.includes(spec)) return null;
  return all.map((one) => (one === spec ? neighbour : one === neighbour ? spec : one));
}
