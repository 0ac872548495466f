import type { InstrumentDetail, Interval } from '@/api/types';
import type { LiveStanding } from '@/domain/live';
import type { PriceStyle } from '@/lib/prices';
import type { Arrangement } from './arrangement';
import type { ChartView } from './ChartView';
import type { ChartData } from './data';
import type { ChartModel } from './model';

export interface LegendProps {
  view: ChartView;
  data: ChartData;
  model: ChartModel;
  symbol: string;
  instrument: InstrumentDetail | undefined;
  interval: Interval;
  prices: PriceStyle;
  timeZone: string;
  /** How far the newest price is of now. */
  standing: LiveStanding;
  arrangement: Arrangement;
  onArrange: (arrangement: Arrangement) => void;
  /** Changes a pane about with the one above (-1) or below (1). */
  onMove: (spec: string, step: -1 | 1) => void;
  onEdit: (spec: string) => void;
  onRemove: (spec: string) => void;
  onStopComparing: () => void;
}
