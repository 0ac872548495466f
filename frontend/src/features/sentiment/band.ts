import type { Sentiment, SentimentInterval } from '@/api/types';

/** Standard deviations above the stock's own 30 days before, from which attention is called unusual. */
export const UNUSUAL = 3;

const STEP_S: Record<SentimentInterval, number> = { '1d': 86_400, '1h': 3_600 };
/** A line is not drawn over more steps than this without posts. */
const MOST_STEPS = 7;

/** A bucket in the pane: x and y in percent of its width and height, y from the top. */
export interface Point {
  index: number;
  x: number;
  score: number;
  low: number;
  high: number;
  /** Height of its bar of posts. */
  volume: number;
}

export interface Band {
  points: readonly Point[];
  /** The points in runs without a longer pause. */
  runs: readonly (readonly Point[])[];
  /** Indices of buckets with unusual attention. */
  unusual: readonly number[];
}

const top = (value: number): number => 50 - 50 * Math.max(-1, Math.min(1, value));

/** Where each bucket lies: score and interval on a scale of -1 to 1, times as far apart as they are. */
export function bandOf(sentiment: Sentiment): Band {
  const { t, interval } = sentiment;
  const first = t[0] ?? 0;
  const span = Math.max(1, (t.at(-1) ?? 0) - first);
  const most = Math.max(1, ...sentiment.posts);
  const points = t.map((at, index) => ({
    index,
    x: t.length === 1 ? 50 : (100 * (at - first)) / span,
    score: top(sentiment.score[index] ?? 0),
    low: top(sentiment.low[index] ?? -1),
    high: top(sentiment.high[index] ?? 1),
    volume: (100 * (sentiment.posts[index] ?? 0)) / most,
  }));
  const unusual = points.filter(({ index }) => (sentiment.attention[index] ?? 0) >= UNUSUAL).map(({ index }) => index);
  return { points, runs: runsOf(points, t, STEP_S[interval] * MOST_STEPS), unusual };
}

function runsOf(points: readonly Point[], t: readonly number[], pause: number): Point[][] {
  const runs: Point[][] = [];
  for (const point of points) {
    const before = t[point.index - 1];
    const goesOn = before !== undefined && (t[point.index] ?? 0) - before <= pause;
    const run = goesOn ? runs.at(-1) : undefined;
    if (run === undefined) runs.push([point]);
    else run.push(point);
  }
  return runs;
}

const pair = (x: number, y: number): string => `${x.toFixed(2)},${y.toFixed(2)}`;

/** The band of a run as a polygon; a lone bucket is a bar half a percent wide to each side. */
export function polygonOf(run: readonly Point[]): string {
  const wide = run.length === 1 ? run.flatMap((one) => [{ ...one, x: one.x - 0.5 }, { ...one, x: one.x + 0.5 }]) : run;
  const upper = wide.map(({ x, high }) => pair(x, high));
  const lower = wide.map(({ x, low }) => pair(x, low)).reverse();
  return [...upper, ...lower].join(' ');
}

export function lineOf(run: readonly Point[]): string {
  return run.map(({ x, score }) => pair(x, score)).join(' ');
}

/** Index of the bucket nearest to x percent; -1 if there is none. */
export function nearest(points: readonly Point[], x: number): number {
  return points.reduce((best, point) => {
    const other = points[best];
    return other === undefined || Math.abs(point.x - x) < Math.abs(other.x - x) ? point.index : best;
  }, -1);
}

export type Tone = 'positive' | 'negative' | 'open';

/** Which way a bucket leans: open where its interval holds 0. */
export function toneOf(low: number, high: number): Tone {
  if (low > 0) return 'positive';
  return high < 0 ? 'negative' : 'open';
}

/** The address if it is one of the web; nothing else is made a link. */
export function linkOf(url: string | null): string | null {
  return url !== null && /^https?:\/\//i.test(url) ? url : null;
}
