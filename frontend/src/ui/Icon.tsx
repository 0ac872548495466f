const PATHS = {
  search: 'M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14ZM16 16l4.5 4.5',
  close: 'M6 6l12 12M18 6 6 18',
  plus: 'M12 5v14M5 12h14',
  compare: 'M4 16l5-6 4 3 7-8M4 20l5-3 4 1 7-5',
  indicator: 'M3 13h4l3-8 4 14 3-9 1.5 3H21',
  edit: 'M4 20h4L19 9l-4-4L4 16v4Z',
  trash: 'M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13',
  sun: 'M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8ZM12 2v3M12 19v3M2 12h3M19 12h3M5 5l2 2M17 17l2 2M5 19l2-2M17 7l2-2',
  moon: 'M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5Z',
  pulse: 'M3 12h4l2.5-6 5 12L17 12h4',
  chart: 'M7 4v16M4.5 8h5v8h-5zM17 4v16M14.5 7h5v6h-5z',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  warning: 'M12 4 2.5 20h19L12 4ZM12 10v5M12 17.6v.2',
  info: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18ZM12 11v5.5M12 7.5v.2',
  copy: 'M9 9h11v11H9zM15 9V4H4v11h5',
  back: 'M14 6l-6 6 6 6',
  up: 'M12 19V6M6 11l6-6 6 6',
  down: 'M12 5v13M6 13l6 6 6-6',
  collapse: 'M5 12h14',
  expand: 'M6 9l6 6 6-6',
  maximise: 'M14 5h5v5M10 19H5v-5M19 5l-6 6M5 19l6-6',
  restore: 'M19 10h-5V5M5 14h5v5M14 10l5-5M10 14l-5 5',
  empty: 'M4 7l8-4 8 4v10l-8 4-8-4V7ZM4 7l8 4 8-4M12 11v10',
  offline: 'M4 4l16 16M5 12.5a10 10 0 0 1 4-2.4M2 9a15 15 0 0 1 4.5-2.8M15 10.3a10 10 0 0 1 4 2.2M11 6a15 15 0 0 1 11 3M8.5 16a5 5 0 0 1 7 0M12 19.8v.2',
} as const;

export type IconName = keyof typeof PATHS | 'logo';

/** Decoration: what it stands for is said by the label of the control around it. */
export function Icon({ name }: { name: IconName }) {
  if (name === 'logo') return <Logo />;
  return (
    <svg className="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}

function Logo() {
  return (
    <svg className="logo" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="8" className="logo-ground" />
      <path className="logo-candles" d="M9 9v16M16 6v17M23 5v15" />
      <path className="logo-bodies" d="M9 14v7M16 10v8M23 8v7" />
    </svg>
  );
}
