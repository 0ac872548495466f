import { useTranslation } from '@/i18n';
import { Icon, type IconName } from '@/ui/Icon';
import { maximisedOf, PRICE_PANE } from './arrangement';
import type { LegendProps } from './legend';
import { paneKeys } from './model';

/** Buttons that move a pane, fold it to its legend, and give it all the room. */
export function PaneControls({ pane, name, model, arrangement, onArrange, onMove }: LegendProps & { pane: number; name: string }) {
  const { m } = useTranslation();
  const keys = paneKeys(model);
  const key = keys[pane] ?? PRICE_PANE;
  const maximised = maximisedOf(keys, arrangement);
  const collapsed = arrangement.collapsed.has(key);
  if (keys.length < 2) return null;
  const fold = () => {
    const others = [...arrangement.collapsed].filter((other) => other !== key);
    onArrange({ ...arrangement, collapsed: new Set(collapsed ? others : [...others, key]) });
  };
  const move = (step: -1 | 1) => () => {
    onMove(key, step);
  };
  return (
    <>
      {pane > 1 && maximised === null && <Control icon="up" label={m.panes.up(name)} onClick={move(-1)} />}
      {pane > 0 && pane < keys.length - 1 && maximised === null && <Control icon="down" label={m.panes.down(name)} onClick={move(1)} />}
      {pane > 0 && maximised === null && (
        <Control icon={collapsed ? 'expand' : 'collapse'} label={collapsed ? m.panes.expand(name) : m.panes.collapse(name)} onClick={fold} />
      )}
      {!collapsed && (
        <Control
          icon={maximised === key ? 'restore' : 'maximise'}
          label={maximised === key ? m.panes.restore : m.panes.maximise(name)}
          onClick={() => {
            onArrange({ ...arrangement, maximised: maximised === key ? null : key });
          }}
        />
      )}
    </>
  );
}

function Control({ icon, label, onClick }: { icon: IconName; label: string; onClick: () => void }) {
  return (
    <button type="button" className="button tiny" aria-label={label} title={label} onClick={onClick}>
      <Icon name={icon} />
    </button>
  );
}
