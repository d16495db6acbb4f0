import { type ReactNode, useEffect, useId, useRef } from 'react';
import { classes } from './classes.ts';
import { CloseIcon } from './icons.tsx';
import { Toasts } from './toast.tsx';

const places = {
  centre: 'rise-in m-auto max-h-[90dvh] w-[min(36rem,calc(100vw-2rem))] rounded-2xl',
  side: 'slide-in my-0 mr-0 ml-auto h-dvh max-h-dvh w-[min(28rem,100vw)] sm:rounded-l-2xl',
} as const;

/**
 * A modal dialog on the browser's own `<dialog>`, which keeps the focus inside and closes on Escape. However it ends, the
 * focus goes back to where it was. A press outside closes it too, but not the second half of a double one, whose first half
 * has opened it.
 */
export const Dialog = ({
  isOpen,
  onClose,
  title,
  place = 'centre',
  children,
  foot,
}: {
  isOpen: boolean;
  onClose(): void;
  title: string;
  place?: keyof typeof places;
  children: ReactNode;
  /** Stays in view below the scrolling content. */
  foot?: ReactNode;
}) => {
  const element = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  useEffect(() => {
    const dialog = element.current;
    if (!isOpen || !dialog) return;
    const opener = document.activeElement;
    if (!dialog.open) dialog.showModal();
    return () => {
      // One that is taken away while it is open leaves the focus nowhere; the browser gives it back only where it is closed.
      if (document.activeElement === document.body && opener instanceof HTMLElement)
        opener.focus({ preventScroll: true });
    };
  }, [isOpen]);
  if (!isOpen) return null;
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape closes a dialog; the press outside is for pointers.
    <dialog
      ref={element}
      aria-labelledby={titleId}
      onClose={onClose}
      onClick={({ target, detail }) => target === element.current && detail < 2 && element.current.close()}
      className={classes('overflow-hidden bg-raised shadow-float', places[place])}
    >
      <div className="flex h-full max-h-[inherit] flex-col">
        <header className="flex items-center justify-between gap-4 border-line border-b py-3 pr-3 pl-6">
          <h2 id={titleId} className="font-display text-xl">
            {title}
          </h2>
          <button
            type="button"
            aria-label="Close"
            onClick={() => element.current?.close()}
            className="grid size-11 place-items-center rounded-lg hover:bg-sunken"
          >
            <CloseIcon />
          </button>
        </header>
        <div className="min-h-0 flex-1 overflow-y-auto px-6 py-5">{children}</div>
        {foot && <footer className="border-line border-t px-6 py-4">{foot}</footer>}
      </div>
      <Toasts />
    </dialog>
  );
};
