import type { components, paths } from './schema';

type Schemas = components['schemas'];

export type Interval = Schemas['Interval'];
export type Adjustment = Schemas['Adjustment'];
export type InstrumentItem = Schemas['StockItem'];
export type InstrumentDetail = Schemas['StockDetail'];
export type CorporateAction = Schemas['Action'];
export type AcceptedBar = Schemas['AcceptedBar'];
export type Source = Schemas['Source'];
export type Hours = Schemas['Hours'];
export type Phase = Schemas['Phase'];
export type BarsAnswer = Schemas['BarsAnswer'];
export type ChartAnswer = Schemas['ChartAnswer'];
export type IndicatorColumns = Schemas['IndicatorColumns'];
export type IndicatorDefinition = Schemas['IndicatorItem'];
export type IndicatorParameter = Schemas['ParameterItem'];
export type QuarantinedRow = Schemas['QuarantineItem'];
export type Operations = Schemas['Operations'];
export type PartHealth = Schemas['Part'];
export type Verdict = Schemas['Verdict'];
export type ImportRun = Schemas['LastImport'];
export type BackupCopy = Schemas['BackupCopy'];
export type Backups = Schemas['Backups'];
export type Backup = Schemas['Backup'];
export type BackupWarning = Schemas['BackupWarning'];
export type Drill = Schemas['Drill'];
export type Recoverable = Schemas['Recoverable'];

export type Sentiment = Schemas['SentimentAnswer'];
export type SentimentInterval = Sentiment['interval'];
export type SentimentPost = Schemas['SentimentPost'];
export type PostSource = Schemas['SourceItem'];

/** The paths that answer a GET with JSON. */
export type GetPath = {
  [Path in keyof paths]: paths[Path] extends JsonGet ? Path : never;
}[keyof paths];

interface JsonGet {
  get: { parameters: { query?: unknown; path?: unknown }; responses: { 200: { content: { 'application/json': unknown } } } };
}

type Get<Path extends GetPath> = paths[Path] extends JsonGet ? paths[Path]['get'] : never;

export type Answer<Path extends GetPath> = Get<Path>['responses'][200]['content']['application/json'];

/** What the path takes, as the contract says: `{ path: { symbol }, query: { interval } }`. */
export type Arguments<Path extends GetPath> = Pick<Get<Path>['parameters'], 'query' | 'path'>;
