import { useMemo, type KeyboardEvent, type PointerEvent } from 'react';
import type { Sentiment } from '@/api/types';
import { useTranslation } from '@/i18n';
import { epochSeconds } from '@/lib/brand';
import { formatBarTime, formatDay, formatDecimal } from '@/lib/format';
import { bandOf, lineOf, nearest, polygonOf } from './band';

interface PlotProps {
  sentiment: Sentiment;
  /** The bucket that is read. */
  index: number;
  onPoint: (index: number | null) => void;
  onOpen: (index: number) => void;
}

const percent = (value: number): string => `${value.toFixed(2)}%`;

export function Plot({ sentiment, index, onPoint, onOpen }: PlotProps) {
  const { lang, m } = useTranslation();
  const band = useMemo(() => bandOf(sentiment), [sentiment]);
  const time = (at: number) =>
    formatBarTime(lang, epochSeconds(sentiment.t[at] ?? 0), sentiment.interval === '1h', 'UTC');
  const last = band.points.length - 1;
  const here = band.points[index];
  const moved: Record<string, number> = { ArrowLeft: index - 1, ArrowRight: index + 1, Home: 0, End: last };
  const onKey = (event: KeyboardEvent) => {
    const to = moved[event.key];
    if (to !== undefined) onPoint(Math.max(0, Math.min(last, to)));
    else if (event.key === 'Enter') onOpen(index);
    else return;
    event.preventDefault();
  };
  const at = (event: PointerEvent<HTMLElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    return nearest(band.points, (100 * (event.clientX - box.left)) / Math.max(1, box.width));
  };
  const score = formatDecimal(lang, sentiment.score[index] ?? 0, 2);
  const ends = [sentiment.t[0] ?? 0, sentiment.t[last] ?? 0] as const;
  return (
    <div className="sentiment-plot">
      <div className="sentiment-scale" aria-hidden="true">
        <span>+1</span>
        <span>0</span>
        <span>−1</span>
      </div>
      <div className="sentiment-field">
        <div
          className="sentiment-area"
          role="slider"
          tabIndex={0}
          aria-label={m.sentiment.slider}
          aria-valuemin={0}
          aria-valuemax={last}
          aria-valuenow={index}
          aria-valuetext={m.sentiment.spoken(time(index), score, String(sentiment.posts[index] ?? 0))}
          onKeyDown={onKey}
          onPointerMove={(event) => {
            onPoint(at(event));
          }}
          onPointerLeave={() => {
            onPoint(null);
          }}
          onPointerUp={(event) => {
            onOpen(at(event));
          }}
        >
          <svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">
            {band.points.map((point) => (
              <line key={point.index} className="volume" x1={point.x} x2={point.x} y1={100} y2={100 - point.volume / 4} />
            ))}
            <line className="zero" x1={0} x2={100} y1={50} y2={50} />
            {band.runs.map((run) => (
              <g key={run[0]?.index}>
                <polygon points={polygonOf(run)} />
                <polyline points={lineOf(run)} />
              </g>
            ))}
          </svg>
          {here !== undefined && <span className="sentiment-point" style={{ left: percent(here.x), top: percent(here.score) }} />}
        </div>
        {band.unusual.map((one) => {
          const label = m.sentiment.unusual(time(one), formatDecimal(lang, sentiment.attention[one] ?? 0, 1));
          return (
            <button
              key={one}
              type="button"
              className="sentiment-mark"
              style={{ left: percent(band.points[one]?.x ?? 0) }}
              aria-label={label}
              title={label}
              onClick={() => {
                onOpen(one);
              }}
            />
          );
        })}
      </div>
      <div className="sentiment-axis" aria-hidden="true">
        <span>{formatDay(lang, epochSeconds(ends[0]))}</span>
        <span className="wide-only">{m.sentiment.legend}</span>
        <span>{formatDay(lang, epochSeconds(ends[1]))}</span>
      </div>
    </div>
  );
}
