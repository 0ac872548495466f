import { describe, expect, test } from 'vitest';
import { lateSince } from '@/features/chart/late';
import { epochSeconds } from '@/lib/brand';

const at = (iso: string) => epochSeconds(Date.parse(iso) / 1000);
const late = (instrument: { as_of: string | null; last_session: string | null }) =>
  lateSince({ last: at('2024-01-05T00:00:00Z'), interval: '1d', timeZone: 'America/New_York', instrument });

describe('bars are late', () => {
  test('when a session has ended that they lack', () => {
    expect(late({ as_of: '2024-01-04', last_session: '2024-01-05' })).toEqual({
      asOf: at('2024-01-04T00:00:00Z'),
      lastSession: at('2024-01-05T00:00:00Z'),
    });
    expect(late({ as_of: '2024-01-05', last_session: '2024-01-05' })).toBeNull();
    expect(late({ as_of: '2024-01-08', last_session: '2024-01-05' })).toBeNull();
    expect(late({ as_of: null, last_session: '2024-01-05' })).toBeNull();
    expect(late({ as_of: '2024-01-04', last_session: null })).toBeNull();
  });

  test('by the date on the exchange’s clock when they are minutes, whatever the sessions have', () => {
    const instrument = { as_of: '2024-01-05', last_session: '2024-01-05' };
    const minutes = (last: string) => lateSince({ last: at(last), interval: '5m', timeZone: 'Asia/Seoul', instrument })?.asOf ?? null;
    expect(minutes('2024-01-04T16:00:00Z')).toBeNull();
    expect(minutes('2024-01-04T06:25:00Z')).toBe(at('2024-01-04T00:00:00Z'));
  });
});
