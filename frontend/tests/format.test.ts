import { describe, expect, test } from 'vitest';
import { epochSeconds } from '@/lib/brand';
import {
  formatBarTime,
  formatBytes,
  formatChange,
  formatCompact,
  formatDuration,
  formatTick,
  formatTimeZone,
  formatValue,
} from '@/lib/format';

const at = (iso: string) => epochSeconds(Date.parse(iso) / 1000);

describe('other numbers', () => {
  test('changes carry their sign, and none at zero', () => {
    expect(formatChange('en', 0.01234)).toBe('+1.23%');
    expect(formatChange('en', -0.5)).toBe('-50.00%');
    expect(formatChange('en', 0)).toBe('0.00%');
  });

  test('large ones are short in the units of the language', () => {
    expect(formatCompact('en', 24_921_100)).toBe('24.92M');
    expect(formatCompact('ko', 24_921_100)).toBe('2492만');
    expect(formatValue('en', -5_680_000_000, 2)).toBe('-5.68B');
    expect(formatValue('en', 0.0421, 4)).toBe('0.0421');
    expect(formatValue('en', 4.2e-14, 16)).toBe('0.0000000000000420');
    expect(formatValue('en', 4.2e-22, 25)).toBe('4.2E-22');
  });

  test('sizes and durations are in their largest units', () => {
    expect(formatBytes('en', 187_432_960)).toBe('187.4 MB');
    expect(formatBytes('en', 0)).toBe('0 byte');
    expect(formatDuration('en', 93_784)).toBe('1 day 2 hr');
    expect(formatDuration('ko', 3_600)).toBe('1시간');
    expect(formatDuration('en', 0)).toBe('0 sec');
  });
});

describe('times', () => {
  test('of daily bars are the session date, whatever the reader’s own time zone', () => {
    expect(formatBarTime('en', at('2023-05-05T00:00:00Z'), false, 'America/New_York')).toBe('Fri, May 5, 2023');
    expect(formatBarTime('ko', at('2023-05-05T00:00:00Z'), false, 'Asia/Seoul')).toBe('2023년 5월 5일 (금)');
  });

  test('of shorter bars are the minute at the exchange', () => {
    expect(formatBarTime('en', at('2023-05-05T13:30:00Z'), true, 'America/New_York')).toBe('Fri, May 5, 2023, 09:30');
    expect(formatBarTime('ko', at('2023-05-05T00:00:00Z'), true, 'Asia/Seoul')).toContain('09:00');
  });

  test('on the axis follow the language', () => {
    const may = Date.parse('2023-05-05T09:30:00Z') / 1000;
    expect(formatTick('en', may, 'month', false)).toBe('May');
    expect(formatTick('ko', may, 'month', false)).toBe('5월');
    expect(formatTick('en', may, 'minute', true)).toBe('09:30');
    expect(formatTick('en', may, 'day', false)).toBe('5');
    expect(formatTick('en', may, 'day', true)).toBe('May 5');
    expect(formatTick('ko', may, 'day', true)).toBe('5월 5일');
    expect(formatTick('en', may, 'year', true)).toBe('May 5, 2023');
  });

  test('zones have a name', () => {
    expect(formatTimeZone('en', 'America/New_York')).toBe('Eastern Time');
  });
});
