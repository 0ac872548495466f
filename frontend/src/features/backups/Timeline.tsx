import { type KeyboardEvent, type PointerEvent, useId, useState } from 'react';
import { type Messages, useTranslation } from '@/i18n';
import type { Language } from '@/domain/viewState';
import type { Instant } from '@/lib/brand';
import { formatAxisTime, formatInstant } from '@/lib/format';
import { Command } from './Command';
import { axisOf, choose, commandOf, fractionOf, move, timeAt, type Choice, type Points, type Span } from './points';

const REACH_PX = 6;
const TICKS = 7;

const percent = (fraction: number): string => `${String(100 * fraction)}%`;

/** Every instant that can be restored, and the command for the one pointed at or chosen. */
export function Timeline({ points }: { points: Points }) {
  const { lang, m } = useTranslation();
  const hint = useId();
  const [picked, setPicked] = useState<Instant | null>(null);
  const [pointed, setPointed] = useState<Choice | null>(null);
  const { range } = points;
  const chosen = choose(points, clamp(range, picked ?? points.last), 0);
  const shown = pointed ?? chosen;
  const text = describe(lang, m, shown);
  const command = commandOf(shown);

  function at(event: PointerEvent<HTMLElement>): Choice {
    const { left, width } = event.currentTarget.getBoundingClientRect();
    const reach = (REACH_PX / width) * (range.to - range.from);
    return choose(points, timeAt(range, (event.clientX - left) / width), reach);
  }

  function onKeyDown(event: KeyboardEvent) {
    const target = move(points, chosen.at, event.key);
    if (target === null) return;
    event.preventDefault();
    setPointed(null);
    setPicked(target);
  }

  return (
    <>
      <div
        className="timeline"
        role="slider"
        tabIndex={0}
        aria-label={m.backups.point}
        aria-describedby={hint}
        aria-valuemin={range.from}
        aria-valuemax={range.to}
        aria-valuenow={shown.at}
        aria-valuetext={text}
        onKeyDown={onKeyDown}
        onPointerMove={(event) => {
          setPointed(at(event));
        }}
        onPointerLeave={() => {
          setPointed(null);
        }}
        onPointerUp={(event) => {
          setPicked(at(event).at);
        }}
      >
        <div className="timeline-track">
          {points.windows.map((window) => (
            <Stretch key={window.from} range={range} span={window} name="window" />
          ))}
          {points.gaps.map((gap) => (
            <Stretch key={gap.from} range={range} span={gap} name="gap" />
          ))}
          {points.marks.map((mark) => (
            <span key={mark.id} className="timeline-mark" style={{ left: percent(fractionOf(range, mark.at)) }} />
          ))}
          <span className="timeline-cursor" style={{ left: percent(fractionOf(range, shown.at)) }} />
        </div>
        <TimeAxis range={range} />
      </div>
      <p className="visually-hidden" id={hint}>
        {m.backups.pointsHint}
      </p>
      <div className="timeline-readout">
        <p className={command === null ? 'timeline-none' : ''}>{text}</p>
        {command !== null && <Command line={command} />}
      </div>
    </>
  );
}

const clamp = ({ from, to }: Span, at: Instant): Instant => Math.min(to, Math.max(from, at)) as Instant;

function Stretch({ range, span, name }: { range: Span; span: Span; name: string }) {
  const left = fractionOf(range, span.from);
  const width = percent(fractionOf(range, span.to) - left);
  return <span className={`timeline-${name}`} style={{ left: percent(left), width }} />;
}

function TimeAxis({ range }: { range: Span }) {
  const { lang } = useTranslation();
  const { ticks, byDay } = axisOf(range, TICKS);
  return (
    <div className="timeline-axis" aria-hidden="true">
      {ticks.map((tick) => (
        <span key={tick} style={{ left: percent(fractionOf(range, tick)) }}>
          {formatAxisTime(lang, tick, byDay)}
        </span>
      ))}
    </div>
  );
}

function describe(lang: Language, m: Messages, choice: Choice): string {
  const time = formatInstant(lang, choice.at);
  switch (choice.kind) {
    case 'latest':
      return `${m.backups.latest}: ${time}`;
    case 'backup':
      return m.backups.backupAt(choice.id, time);
    case 'time':
      return m.backups.timeAt(time);
    case 'gap':
      return m.backups.gap(formatInstant(lang, choice.gap.from), formatInstant(lang, choice.gap.to));
    case 'late':
      return m.backups.afterLast;
  }
}
