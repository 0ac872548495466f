import { useCallback } from 'react';
import { useTranslation } from '@/i18n';
import { useObservable } from '@/lib/observable';
import { STRIP } from './arrangement';
import type { ChartView } from './ChartView';
import { IndicatorRow } from './IndicatorRow';
import type { LegendProps } from './legend';
import { PaneControls } from './PaneControls';
import type { PaneBox } from './panes';
import { PriceLegend } from './PriceLegend';

/** A pane lower than this has room for one line of its legend. */
const TIGHT = 70;

/** The values under the crosshair, else of the last bar, at the top of each pane. */
export function Legends(props: LegendProps) {
  const { m } = useTranslation();
  const pointed = useObservable(props.view.crosshair);
  const { boxes, axisWidth } = useObservable(props.view.panes.layout);
  const last = props.data.t.length - 1;
  const index = Math.min(pointed ?? last, last);
  const headroom = useHeadroom(props.view);
  return (
    <>
    {boxes.map((box, pane) => !box.open && <PaneCover key={pane} box={box} axisWidth={axisWidth} />)}
    <div className="legends" style={{ right: axisWidth }}>
      {props.model.legends.map((rows, pane) => {
        const box = boxes[pane];
        if (box === undefined || box.height < STRIP / 2) return null;
        const controls = (name: string) => <PaneControls pane={pane} name={name} {...props} />;
        return (
          <div
            key={pane}
            className={box.height <= STRIP + 2 ? 'legend strip' : box.height < TIGHT ? 'legend tight' : 'legend'}
            role="group"
            aria-label={m.chart.legend(pane === 0 ? props.symbol : rows.map((row) => row.label).join(', '))}
            style={{ top: box.top, maxHeight: box.height }}
            ref={pane === 0 ? headroom : undefined}
          >
            {pane === 0 && (
              <PriceLegend {...props} index={index}>
                <span className="legend-actions">{controls(props.symbol)}</span>
              </PriceLegend>
            )}
            {rows.map((row, position) => (
              <IndicatorRow key={row.key} row={row} {...props} index={index}>
                {pane > 0 && position === 0 && controls(row.label)}
              </IndicatorRow>
            ))}
          </div>
        );
      })}
    </div>
    </>
  );
}

/** Hides what the library still draws of a pane that is not open: the axis beside its strip, or all of it. */
function PaneCover({ box, axisWidth }: { box: PaneBox; axisWidth: number }) {
  const gone = box.height < STRIP / 2;
  const style = gone ? { top: box.top - 1, height: box.height + 2, left: 0 } : { top: box.top, height: box.height, width: axisWidth };
  return <div className="pane-cover" style={style} aria-hidden="true" />;
}

/** Tells the view how much of the price pane the legend covers. */
function useHeadroom(view: ChartView): (legend: HTMLDivElement) => () => void {
  return useCallback(
    (legend) => {
      const observer = new ResizeObserver(() => {
        view.panes.setHeadroom(legend.offsetHeight);
      });
      observer.observe(legend);
      return () => {
        observer.disconnect();
      };
    },
    [view],
  );
}
