import { chartSeconds, type ChartSeconds, type EpochSeconds } from '@/lib/brand';

/**
 * Times for the axis, which knows no time zones: seconds whose UTC fields read as the exchange's wall clock.
 * Strictly increasing even through the hour that a change to winter time repeats.
 * Session dates (`intraday` false) are at 00:00 UTC already and stay.
 */
export function chartTimes(t: readonly EpochSeconds[], intraday: boolean, timeZone: string): ChartSeconds[] {
  if (!intraday) return t.map(chartSeconds);
  const offsetOf = zoneOffsets(timeZone);
  let previous = -Infinity;
  return t.map((instant) => {
    previous = Math.max(instant + offsetOf(instant), previous + 1);
    return chartSeconds(previous);
  });
}

/** Seconds to add to UTC, remembered for each quarter of an hour: no zone changes within one. */
function zoneOffsets(timeZone: string): (t: EpochSeconds) => number {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
  });
  const known = new Map<number, number>();
  return (t) => {
    const quarter = Math.floor(t / 900);
    const found = known.get(quarter);
    if (found !== undefined) return found;
    const offset = wallClock(format, quarter * 900) - quarter * 900;
    known.set(quarter, offset);
    return offset;
  };
}

function wallClock(format: Intl.DateTimeFormat, t: number): number {
  const parts = new Map(format.formatToParts(t * 1000).map((part) => [part.type, Number(part.value)]));
  const field = (type: Intl.DateTimeFormatPartTypes) => parts.get(type) ?? 0;
  return Date.UTC(field('year'), field('month') - 1, field('day'), field('hour'), field('minute')) / 1000;
}
