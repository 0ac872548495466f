import type { Drill } from '@/api/types';
import { instant, type Instant } from '@/lib/brand';

export type Measure = 'rpo_s' | 'rto_s';

export interface TrendPoint {
  id: string;
  at: Instant;
  /** Seconds. */
  value: number;
  /** 0 left, 1 right. */
  x: number;
  /** 0 at zero seconds, 1 at `top`. */
  y: number;
}

export interface Trend {
  points: readonly TrendPoint[];
  /** Where drills without a value stand, 0 left, 1 right. */
  missing: readonly number[];
  /** The round number of seconds at the upper edge. */
  top: number;
  first: Instant;
  last: Instant;
}

/** One measure of the drills in order of time; null before the first value. */
export function trendOf(drills: readonly Drill[], measure: Measure): Trend | null {
  const seen = drills.map((drill) => ({ id: drill.id, at: instant(drill.started_at), value: drill[measure] })).sort((a, b) => a.at - b.at);
  const first = seen[0]?.at;
  const last = seen.at(-1)?.at;
  const measured = seen.filter((one): one is typeof one & { value: number } => one.value !== null);
  if (first === undefined || last === undefined || measured.length === 0) return null;
  const top = roundUp(Math.max(...measured.map((one) => one.value)));
  const x = (at: Instant) => (first === last ? 0.5 : (at - first) / (last - first));
  return {
    points: measured.map((one) => ({ ...one, x: x(one.at), y: one.value / top })),
    missing: seen.filter((one) => one.value === null).map((one) => x(one.at)),
    top,
    first,
    last,
  };
}

/** The least of 1, 2, 5 times a power of ten that is not below; 1 for nothing. */
export function roundUp(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 5, 10].find((factor) => value <= factor * power * (1 + 1e-9)) ?? 10) * power;
}

/** The points as an SVG polyline in a box of 100 by 100, its origin at the top left. */
export function polylineOf(points: readonly TrendPoint[]): string {
  return points.map(({ x, y }) => `${round(100 * x)},${round(100 * (1 - y))}`).join(' ');
}

const round = (value: number): string => String(Math.round(value * 100) / 100);
