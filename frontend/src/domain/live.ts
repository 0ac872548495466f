import type { Adjustment, Interval } from '@/api/types';

/** What the page wants to be kept up to date. */
export interface LiveTopic {
  symbol: string;
  interval: Interval;
  adjustment: Adjustment;
  indicators: readonly string[];
}

export type LiveColumn = readonly (number | null)[];

/** The newest bars as columns of one length, oldest first. */
export interface LiveBars {
  symbol: string;
  interval: Interval;
  adjustment: Adjustment;
  /** null = no source of live prices: what is stored. */
  feed: 'live' | 'replay' | null;
  /** Which replay; another one begins anew. */
  run: string | null;
  t: readonly number[];
  o: LiveColumn;
  h: LiveColumn;
  l: LiveColumn;
  c: LiveColumn;
  v: LiveColumn;
  /** Starts of the bars that are not closed. */
  forming: ReadonlySet<number>;
  /** Columns of each indicator by its spec and the name of the output; at forming bars a look ahead. */
  indicators: ReadonlyMap<string, Readonly<Record<string, LiveColumn>>>;
}

/**
 * How far the prices can be trusted to be of now: `delayed` = nothing came for a while, `reconnecting` = the server
 * or the source is away, `none` = there is no source of live prices, or it is not known yet.
 */
export type LiveKind = 'live' | 'replay' | 'delayed' | 'reconnecting' | 'halted' | 'closed' | 'none';

export interface LiveStanding {
  kind: LiveKind;
  /** When the newest price was made, epoch milliseconds. */
  asOf: number | null;
  /** Of a replay: 60 = a minute a second, 0 = without waiting. */
  speed: number | null;
  /** Of a replay: the way inside each day is made up. */
  madeUp: boolean;
}

export interface LiveState {
  bars: LiveBars | null;
  standing: LiveStanding;
}

export const NO_LIVE: LiveState = { bars: null, standing: { kind: 'none', asOf: null, speed: null, madeUp: false } };
