import type { Adjustment, Interval } from '@/api/types';

/** Messages of WS /ws as far as the page reads them; docs/live.md tells them all. */
export interface SourceState {
  feed: 'live' | 'replay' | null;
  run?: string | null;
  speed?: number | null;
  made_up?: boolean | null;
  state: 'live' | 'silent' | 'reconnecting' | 'halted' | 'closed' | 'clock' | 'ended' | 'none';
  as_of: number | null;
}

export interface Snapshot extends SourceState {
  type: 'snapshot';
  channel: string;
  n: number;
  symbol: string;
  interval: Interval;
  adjustment: Adjustment;
  bars: { t: number[] } & Record<'o' | 'h' | 'l' | 'c' | 'v', (number | null)[]>;
  forming: number;
  indicators: { spec: string; outputs: Record<string, (number | null)[]> }[];
}

type Values = [number | null, number | null, number | null, number | null, number | null];
export type BarRow = [t: number, ...values: Values, state: 'forming' | 'closed'];

export interface Delta {
  type: 'delta';
  channel: string;
  n: number;
  as_of: number | null;
  bars: BarRow[];
  indicators?: Record<string, Record<string, (number | null)[]>>;
}

export interface StateMessage extends SourceState {
  type: 'state';
  channel: string;
  n: number;
}

export type Message =
  | Snapshot
  | Delta
  | StateMessage
  | { type: 'hello' }
  | { type: 'subscribed'; id: number; channel: string }
  | { type: 'unsubscribed' | 'pong' | 'heartbeat' }
  | { type: 'error'; id?: number | null; channel?: string; status: number; detail: string }
  | { type: 'bye'; code: number; reason: string };

/** null for what is no message of ours; one of an unknown type is passed over by who reads it. */
export function parseMessage(text: unknown): Message | null {
  if (typeof text !== 'string') return null;
  try {
    const found: unknown = JSON.parse(text);
    return typeof found === 'object' && found !== null && 'type' in found ? (found as Message) : null;
  } catch {
    return null;
  }
}
