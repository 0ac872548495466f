import { useCallback, useId, type KeyboardEvent } from 'react';
import { useTranslation } from '@/i18n';
import { barIndex } from '@/lib/brand';
import { useObservable } from '@/lib/observable';
import { ChartView } from './ChartView';

interface CanvasHostProps {
  onView: (view: ChartView | null) => void;
}

/** The element the library draws in; the view lives exactly as long as it. */
export function CanvasHost({ onView }: CanvasHostProps) {
  const attach = useCallback(
    (host: HTMLDivElement) => {
      const view = new ChartView(host);
      onView(view);
      return () => {
        onView(null);
        view.destroy();
      };
    },
    [onView],
  );
  return <div ref={attach} className="canvas" aria-hidden="true" />;
}

interface ReaderProps {
  view: ChartView;
  symbol: string;
  count: number;
  /** The bar in words. */
  describe: (index: number) => string;
  /** Goes to the first bar that is stored, which may have to be loaded. */
  onFirst: () => void;
  /** Any other movement. */
  onMove: () => void;
}

/**
 * The chart for keyboard and screen reader: a slider over the bars that moves the crosshair and says the bar.
 * It lies over the canvas but lets the pointer through.
 */
export function KeyboardReader({ view, symbol, count, describe, onFirst, onMove }: ReaderProps) {
  const { m } = useTranslation();
  const pointed = useObservable(view.crosshair);
  const hintId = useId();
  const last = count - 1;
  const now = Math.min(pointed ?? last, last);

  function onKeyDown(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === '+' || event.key === '=') view.zoom(0.8);
    else if (event.key === '-') view.zoom(1.25);
    else if (event.key === 'Home') onFirst();
    else if (event.key === 'Escape') {
      onMove();
      view.pointNowhere();
    } else {
      const target = targetOf(event.key, now, last, event.shiftKey);
      if (target === null) return;
      onMove();
      view.pointAt(barIndex(target));
    }
    event.preventDefault();
  }

  return (
    <>
      <p id={hintId} className="visually-hidden">
        {m.chart.hint}
      </p>
    <div
      className="reader"
      role="slider"
      tabIndex={0}
      aria-label={m.chart.label(symbol)}
      aria-describedby={hintId}
      aria-orientation="horizontal"
      aria-valuemin={0}
      aria-valuemax={last}
      aria-valuenow={now}
      aria-valuetext={describe(now)}
      onKeyDown={onKeyDown}
    />
    </>
  );
}

function targetOf(key: string, now: number, last: number, fast: boolean): number | null {
  const steps: Record<string, number> = {
    ArrowLeft: fast ? -10 : -1,
    ArrowDown: fast ? -10 : -1,
    ArrowRight: fast ? 10 : 1,
    ArrowUp: fast ? 10 : 1,
    PageDown: -20,
    PageUp: 20,
    End: last,
  };
  const step = steps[key];
  return step === undefined ? null : Math.min(last, Math.max(0, now + step));
}
