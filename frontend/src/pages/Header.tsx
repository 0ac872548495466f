import type { ReactNode } from 'react';
import { useTranslation } from '@/i18n';
import { Icon } from '@/ui/Icon';
import type { PageName, PageProps } from './page';

/** The bar at the top of every page: home, what the page puts there, language, theme, the other page. */
export function Header({ page, children, ...props }: PageProps & { page: PageName | null; children?: ReactNode }) {
  const { m } = useTranslation();
  return (
    <header className="header">
      <PageLink page="chart" label={m.appName} className="brand" {...props}>
        <Icon name="logo" />
        <span className="brand-name">{m.appName}</span>
      </PageLink>
      <div className="header-middle">{children}</div>
      <nav className="header-end" aria-label={m.navigation.label}>
        {page === 'operations' ? (
          <PageLink page="chart" label={m.navigation.chart} className="button" {...props}>
            <Icon name="chart" />
            <span className="wide-only">{m.navigation.chart}</span>
          </PageLink>
        ) : (
          <PageLink page="operations" label={m.navigation.operations} className="button" {...props}>
            <Icon name="pulse" />
            <span className="wide-only">{m.navigation.operations}</span>
          </PageLink>
        )}
        <LanguageToggle {...props} />
        <ThemeToggle {...props} />
      </nav>
    </header>
  );
}

interface PageLinkProps extends PageProps {
  page: PageName;
  label: string;
  className: string;
  children: ReactNode;
}

function PageLink({ page, label, className, children, open }: PageLinkProps) {
  return (
    <a
      className={className}
      href={(page === 'chart' ? '/' : `/${page}`) + location.search}
      aria-label={label}
      onClick={(event) => {
        if (event.metaKey || event.ctrlKey || event.shiftKey) return;
        event.preventDefault();
        open(page);
      }}
    >
      {children}
    </a>
  );
}

function LanguageToggle({ change }: PageProps) {
  const { lang, m } = useTranslation();
  const next = lang === 'ko' ? 'en' : 'ko';
  return (
    <button
      type="button"
      className="button language"
      lang={next}
      aria-label={m.language.switchTo}
      title={m.language.switchTo}
      onClick={() => {
        change({ lang: next }, { replace: true });
      }}
    >
      <span aria-hidden="true">{next === 'ko' ? '한' : 'EN'}</span>
    </button>
  );
}

function ThemeToggle({ theme, change }: PageProps) {
  const { m } = useTranslation();
  const next = theme === 'dark' ? 'light' : 'dark';
  const label = next === 'dark' ? m.theme.toDark : m.theme.toLight;
  return (
    <button
      type="button"
      className="button"
      aria-label={label}
      title={label}
      onClick={() => {
        change({ theme: next }, { replace: true });
      }}
    >
      <Icon name={next === 'dark' ? 'moon' : 'sun'} />
    </button>
  );
}
