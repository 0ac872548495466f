import { describe, expect, test } from 'vitest';
import type { Backup, Drill, Recoverable } from '@/api/types';
import { axisOf, choose, commandOf, fractionOf, move, pointsOf, timeAt, type Points } from '@/features/backups/points';
import { polylineOf, roundUp, trendOf } from '@/features/backups/trend';
import { instant } from '@/lib/brand';
import { formatSeconds } from '@/lib/format';

const at = (time: string) => instant(`2026-11-${time}Z`);
const iso = (time: string) => `2026-11-${time}Z`;

const backup = (id: string, mark: string): Backup => ({
  id,
  kind: 'incr',
  finished_at: iso(mark),
  mark_at: iso(mark),
  size_bytes: 1,
  duration_s: 1,
  verified_at: null,
});
const WAL: Recoverable = {
  first_point: iso('20T00:00:00'),
  last_point: iso('24T00:00:00'),
  gaps: [{ after: iso('22T00:00:00'), before: iso('22T06:00:00') }],
};
const MARKS = [backup('b', '22T06:00:00'), backup('a', '20T00:00:00')];

function points(wal = WAL, now = at('24T01:00:00')): Points {
  const found = pointsOf(wal, MARKS, now);
  if (found === null) throw new Error('no points');
  return found;
}

describe('recoverable points', () => {
  test('are none before the first backup', () => {
    expect(pointsOf({ first_point: null, last_point: null, gaps: [] }, [], at('24T00:00:00'))).toBeNull();
  });

  test('are windows with gaps between them, up to the last point; the range goes on to now', () => {
    const { windows, range, last } = points();
    expect(windows).toEqual([
      { from: at('20T00:00:00'), to: at('22T00:00:00') },
      { from: at('22T06:00:00'), to: at('24T00:00:00') },
    ]);
    expect(range).toEqual({ from: at('20T00:00:00'), to: at('24T01:00:00') });
    expect(last).toBe(at('24T00:00:00'));
  });

  test('put backups in order and leave out what no longer can be restored', () => {
    const later = { ...WAL, first_point: iso('21T00:00:00') };
    expect(points().marks.map((mark) => mark.id)).toEqual(['a', 'b']);
    expect(points(later).marks.map((mark) => mark.id)).toEqual(['b']);
  });

  test('have a range even when there is but one instant', () => {
    const one = { first_point: iso('20T00:00:00'), last_point: iso('20T00:00:00'), gaps: [] };
    const { range } = points(one, at('20T00:00:00'));
    expect(range.to - range.from).toBe(1);
    expect(fractionOf(range, range.from)).toBe(0);
  });

  test('stand where their time is, and the place gives the time back', () => {
    const { range } = points();
    expect(fractionOf(range, range.to)).toBe(1);
    expect(timeAt(range, fractionOf(range, at('21T12:00:00')))).toBe(at('21T12:00:00'));
    expect(timeAt(range, 7)).toBe(range.to);
  });
});

describe('what lies at an instant', () => {
  const command = (time: string, reach = 0) => commandOf(choose(points(), at(time), reach));

  test('in a window is restored by its time, in whole seconds', () => {
    expect(command('21T12:00:00.900')).toBe('stockops restore --time 2026-11-21T12:00:00Z');
  });

  test('at the last point is restored as the latest', () => {
    expect(command('24T00:00:00')).toBe('stockops restore');
  });

  test('in a gap or after the last point has no command', () => {
    expect(choose(points(), at('22T03:00:00'), 0)).toMatchObject({ kind: 'gap' });
    expect(command('22T03:00:00')).toBeNull();
    expect(choose(points(), at('24T00:30:00'), 0)).toMatchObject({ kind: 'late' });
    expect(command('24T00:30:00')).toBeNull();
  });

  test('is a backup within its reach', () => {
    expect(command('20T00:00:05', 10_000)).toBe('stockops restore --backup a');
    expect(command('20T00:00:05', 1000)).toBe('stockops restore --time 2026-11-20T00:00:05Z');
  });
});

describe('keys', () => {
  test('go from backup to backup and to both ends', () => {
    const from = at('21T00:00:00');
    expect(move(points(), from, 'PageUp')).toBe(at('22T06:00:00'));
    expect(move(points(), from, 'PageDown')).toBe(at('20T00:00:00'));
    expect(move(points(), at('23T00:00:00'), 'PageDown')).toBe(at('22T06:00:00'));
    expect(move(points(), from, 'Home')).toBe(at('20T00:00:00'));
    expect(move(points(), from, 'End')).toBe(at('24T00:00:00'));
    expect(move(points(), from, 'x')).toBeNull();
  });

  test('step over a gap in both directions and stay within the points', () => {
    expect(move(points(), at('21T23:59:00'), 'ArrowRight')).toBe(at('22T06:00:00'));
    expect(move(points(), at('22T06:30:00'), 'ArrowLeft')).toBe(at('22T00:00:00'));
    expect(move(points(), at('23T23:59:00'), 'ArrowRight')).toBe(at('24T00:00:00'));
    expect(move(points(), at('20T00:00:01'), 'ArrowLeft')).toBe(at('20T00:00:00'));
  });
});

describe('the axis of time', () => {
  test('has few round ticks within the range', () => {
    for (const hours of [0.01, 1, 30, 200, 9000]) {
      const from = at('20T00:10:00');
      const range = { from, to: instant(from + hours * 3_600_000) };
      const { ticks } = axisOf(range, 7);
      expect(ticks.length).toBeLessThanOrEqual(8);
      expect(ticks.every((tick) => range.from <= tick && tick <= range.to)).toBe(true);
    }
  });

  test('stands at the start of days when it spans many', () => {
    const { ticks, byDay } = axisOf({ from: at('20T00:10:00'), to: at('26T00:00:00') }, 7);
    expect(byDay).toBe(true);
    expect(ticks.map((tick) => new Date(tick).getHours())).toEqual(ticks.map(() => 0));
  });
});

describe('a measure of the drills', () => {
  const drill = (day: number, rpo_s: number | null): Drill => ({
    id: String(day),
    started_at: iso(`${String(day)}T00:00:00`),
    outcome: rpo_s === null ? 'failed' : 'passed',
    rpo_s,
    rto_s: null,
  });

  test('is drawn in order of time from zero to a round number', () => {
    const trend = trendOf([drill(20, 4), drill(10, 1), drill(15, null)], 'rpo_s');
    expect(trend).toMatchObject({ top: 5, missing: [0.5] });
    expect(polylineOf(trend?.points ?? [])).toBe('0,80 100,20');
  });

  test('is nothing before the first value', () => {
    expect(trendOf([], 'rpo_s')).toBeNull();
    expect(trendOf([drill(10, null)], 'rpo_s')).toBeNull();
  });

  test('of one drill stands in the middle', () => {
    expect(polylineOf(trendOf([drill(10, 0)], 'rpo_s')?.points ?? [])).toBe('50,100');
  });

  test('has an upper edge of 1, 2 or 5 times a power of ten', () => {
    expect([0, 0.3, 1, 1.1, 4, 7, 41, 100].map(roundUp)).toEqual([1, 0.5, 1, 2, 5, 10, 50, 100]);
  });

  test('has one decimal below a minute', () => {
    expect(formatSeconds('en', 1.44)).toBe('1.4 sec');
    expect(formatSeconds('en', 95)).toBe('1 min 35 sec');
  });
});
