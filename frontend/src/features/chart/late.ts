import type { InstrumentDetail, Interval } from '@/api/types';
import { isIntraday } from '@/domain/intervals';
import { epochSeconds, type EpochSeconds } from '@/lib/brand';
import { chartTimes } from './times';

export interface LateInput {
  /** Start of the newest bar that is shown. */
  last: EpochSeconds | undefined;
  interval: Interval;
  timeZone: string;
  instrument: Pick<InstrumentDetail, 'as_of' | 'last_session'> | undefined;
}

/** Dates of the newest bar and of the exchange's last session, where a session has ended that the bars lack. */
export function lateSince({ last, interval, timeZone, instrument }: LateInput): { asOf: EpochSeconds; lastSession: EpochSeconds } | null {
  if (last === undefined || !instrument?.as_of || !instrument.last_session) return null;
  const asOf = isIntraday(interval) ? dayOf(last, timeZone) : dateOf(instrument.as_of);
  const lastSession = dateOf(instrument.last_session);
  return asOf < lastSession ? { asOf, lastSession } : null;
}

const dateOf = (iso: string): EpochSeconds => epochSeconds(Date.parse(`${iso}T00:00:00Z`) / 1000);

/** The date on the exchange's clock. */
function dayOf(t: EpochSeconds, timeZone: string): EpochSeconds {
  const [local = t] = chartTimes([t], true, timeZone);
  return epochSeconds(Math.floor(local / 86_400) * 86_400);
}
