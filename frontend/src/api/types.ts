export type Interval = '1m' | '5m' | '15m' | '30m' | '1h' | '1d' | '1w' | '1mo';
export type Adjustment = 'raw' | 'split' | 'dividend' | 'all';

export interface Problem {
  type?: string;
  title: string;
  status: number;
  detail?: string;
  instance?: string;
  request_id?: string;
}

export interface InstrumentItem {
  symbol: string;
  name: string;
  exchange: string;
  currency: string;
  timezone: string;
  kind: string;
  first: string | null;
  last: string | null;
  bars: Record<string, number>;
  quarantined: number;
}

export interface InstrumentPage {
  items: InstrumentItem[];
  next_cursor: string | null;
}

export interface CorporateAction {
  ex_date: string;
  kind: 'split' | 'dividend';
  value: number;
}

export interface InstrumentDetail extends InstrumentItem {
  actions: CorporateAction[];
  last_close: number | null;
  previous_close: number | null;
  intervals: Interval[];
}

export interface BarsAnswer {
  symbol: string;
  interval: Interval;
  adjustment: Adjustment;
  timezone: string;
  t: number[];
  o: (number | null)[];
  h: (number | null)[];
  l: (number | null)[];
  c: (number | null)[];
  v: (number | null)[];
  has_earlier: boolean;
}

export interface IndicatorColumns {
  spec: string;
  name: string;
  outputs: Record<string, (number | null)[]>;
}

export interface ChartAnswer extends BarsAnswer {
  indicators: IndicatorColumns[];
  actions: CorporateAction[];
  quarantined: number;
}

export interface ParameterChoice {
  value: number;
  label: string;
}

export interface IndicatorParameter {
  name: string;
  type: 'integer' | 'real' | 'ma_type';
  default: number;
  min: number | null;
  max: number | null;
  help: string;
  choices?: ParameterChoice[] | null;
}

export interface IndicatorOutput {
  name: string;
  style: string;
}

export interface IndicatorDefinition {
  name: string;
  display_name: string;
  group: string;
  overlay: boolean;
  inputs: Record<string, string>;
  parameters: IndicatorParameter[];
  outputs: IndicatorOutput[];
  warm_up: number;
}

export interface IndicatorCatalogue {
  items: IndicatorDefinition[];
}

export interface QuarantinedRow {
  id: number;
  source: string;
  row_number: number;
  reasons: string[];
  row: Record<string, unknown>;
  state: string;
  created_at: string;
}

export interface QuarantinePage {
  items: QuarantinedRow[];
  next_cursor: string | null;
  total: number;
}

export interface PartHealth {
  name: string;
  healthy: boolean;
  reason: string | null;
  version: string | null;
  latency_ms: number | null;
}

export interface ImportRun {
  id: string;
  source: string;
  status: string;
  started_at: string;
  finished_at: string | null;
  rows_total: number;
  rows_done: number;
  accepted: number;
  unchanged: number;
  corrected: number;
  quarantined: number;
  error: string | null;
}

export interface Operations {
  version: string;
  uptime_s: number;
  target: string;
  parts: PartHealth[];
  database: { size_bytes: number; bars: number; instruments: number; quarantined: number } | null;
  cache: { hits: number; misses: number; hit_rate: number | null } | null;
  last_import: ImportRun | null;
}
