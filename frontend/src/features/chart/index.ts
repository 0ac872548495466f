export { ChartPanel } from './ChartPanel';
export { AdjustmentSelect, ExtendedToggle, IntervalPicker, LogToggle, RangePicker } from './Controls';
