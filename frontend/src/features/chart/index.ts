export { ChartPanel } from './ChartPanel';
export { AdjustmentSelect, IntervalPicker, LogToggle, RangePicker } from './Controls';
