import type { Backup, Recoverable } from '@/api/types';
import { instant, type Instant } from '@/lib/brand';

/** A stretch of time, both ends included. */
export interface Span {
  from: Instant;
  to: Instant;
}

export interface BackupMark {
  id: string;
  at: Instant;
}

/** What can be restored: any instant of the windows. Everything is in order of time and within the range. */
export interface Points {
  /** From the first point to now. */
  range: Span;
  windows: readonly Span[];
  gaps: readonly Span[];
  marks: readonly BackupMark[];
  last: Instant;
}

/** What lies at an instant of the range. */
export type Choice =
  | { kind: 'latest'; at: Instant }
  | { kind: 'backup'; at: Instant; id: string }
  | { kind: 'time'; at: Instant }
  | { kind: 'gap'; at: Instant; gap: Span }
  | { kind: 'late'; at: Instant };

/** null while nothing can be restored. */
export function pointsOf(wal: Recoverable, backups: readonly Backup[], now: Instant): Points | null {
  if (wal.first_point === null || wal.last_point === null) return null;
  const first = instant(wal.first_point);
  const last = instant(wal.last_point);
  const gaps = wal.gaps
    .map(({ after, before }) => ({ from: instant(after), to: instant(before) }))
    .filter(({ from, to }) => from < to && first < to && from < last)
    .sort((a, b) => a.from - b.from);
  const marks = backups
    .map(({ id, mark_at }) => ({ id, at: instant(mark_at) }))
    .filter(({ at }) => first <= at && at <= last)
    .sort((a, b) => a.at - b.at);
  const to = Math.max(now, last, first + 1) as Instant;
  return { range: { from: first, to }, windows: between(first, last, gaps), gaps, marks, last };
}

function between(first: Instant, last: Instant, gaps: readonly Span[]): Span[] {
  const starts = [first, ...gaps.map((gap) => gap.to)];
  const ends = [...gaps.map((gap) => gap.from), last];
  return starts.map((from, i) => ({ from, to: ends[i] ?? last })).filter(({ from, to }) => from <= to);
}

/** 0 at the start of the range, 1 at its end. */
export function fractionOf({ from, to }: Span, at: Instant): number {
  return Math.min(1, Math.max(0, (at - from) / (to - from)));
}

export function timeAt({ from, to }: Span, fraction: number): Instant {
  return Math.round(from + (to - from) * Math.min(1, Math.max(0, fraction))) as Instant;
}

/** What is at `at`; a backup attracts from `reach` milliseconds away. */
export function choose({ gaps, marks, last }: Points, at: Instant, reach: number): Choice {
  const near = marks
    .filter((mark) => Math.abs(mark.at - at) <= reach)
    .sort((a, b) => Math.abs(a.at - at) - Math.abs(b.at - at))[0];
  if (near !== undefined) return { kind: 'backup', at: near.at, id: near.id };
  if (at > last) return at - last <= reach ? { kind: 'latest', at: last } : { kind: 'late', at };
  const gap = gaps.find(({ from, to }) => from < at && at < to);
  if (gap !== undefined) return { kind: 'gap', at, gap };
  return at === last ? { kind: 'latest', at } : { kind: 'time', at };
}

const STEPS = 100;

/** Where a key leads from `at`, over gaps; null where it is no key of the timeline. */
export function move({ range, gaps, marks, last }: Points, at: Instant, key: string): Instant | null {
  const step = (range.to - range.from) / STEPS;
  switch (key) {
    case 'ArrowRight':
    case 'ArrowUp':
      return over(gaps, Math.min(last, at + step), 'to');
    case 'ArrowLeft':
    case 'ArrowDown':
      return over(gaps, Math.max(range.from, at - step), 'from');
    case 'PageUp':
      return marks.find((mark) => mark.at > at)?.at ?? last;
    case 'PageDown':
      return marks.findLast((mark) => mark.at < at)?.at ?? range.from;
    case 'Home':
      return range.from;
    case 'End':
      return last;
    default:
      return null;
  }
}

function over(gaps: readonly Span[], at: number, end: keyof Span): Instant {
  return gaps.find(({ from, to }) => from < at && at < to)?.[end] ?? (Math.round(at) as Instant);
}

/** What an operator types to restore it; null where nothing can be restored. */
export function commandOf(choice: Choice): string | null {
  switch (choice.kind) {
    case 'latest':
      return 'stockops restore';
    case 'backup':
      return `stockops restore --backup ${choice.id}`;
    case 'time':
      return `stockops restore --time ${new Date(choice.at).toISOString().replace(/\.\d+Z$/, 'Z')}`;
    case 'gap':
    case 'late':
      return null;
  }
}

const MINUTE = 60_000;
const DAY = 1440 * MINUTE;
const TICK_STEPS = [1, 5, 15, 30, 60, 180, 360, 720].map((minutes) => minutes * MINUTE);
const DAY_STEPS = [1, 2, 7, 14, 30, 90, 365].map((days) => days * DAY);

export interface Axis {
  ticks: Instant[];
  /** Ticks stand at the start of days. */
  byDay: boolean;
}

/** Round times of the reader's clock within the range, `most` of them at most. */
export function axisOf({ from, to }: Span, most: number): Axis {
  const step = [...TICK_STEPS, ...DAY_STEPS].find((one) => (to - from) / one <= most) ?? to - from;
  const start = new Date(from);
  start.setHours(0, 0, 0, 0);
  const ticks: Instant[] = [];
  for (let at = start.getTime(); at <= to; at = next(at, step)) if (at >= from) ticks.push(at as Instant);
  return { ticks, byDay: step >= DAY };
}

/** Whole days by the calendar, because a day of the clock's change has 23 or 25 hours. */
function next(at: number, step: number): number {
  if (step < DAY) return at + step;
  const day = new Date(at);
  day.setDate(day.getDate() + Math.round(step / DAY));
  return day.getTime();
}
