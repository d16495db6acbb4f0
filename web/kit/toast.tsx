import { useEffect, useId, useSyncExternalStore } from 'react';
import { CloseIcon } from './icons.tsx';
import { createListeners } from './listeners.ts';

type Toast = { id: number; text: string; act?: { label: string; run(): void } };

const shownMs = 8000;
const shownMax = 3;

let toasts: readonly Toast[] = [];
/** The regions that are there; the last one shows the toasts, so that they are within reach of an open dialog. */
let regions: readonly string[] = [];
let nextId = 1;
const { subscribe, announce } = createListeners();

const replace = (next: readonly Toast[]): void => {
  toasts = next;
  announce();
};

const dismiss = (id: number): void => replace(toasts.filter((toast) => toast.id !== id));

/** Says something that needs no answer, for 8 s. `act` is the way back: undo, or a look at what was done. */
export const showToast = (text: string, act?: Toast['act']): void => {
  const id = nextId++;
  replace([...toasts.slice(1 - shownMax), { id, text, ...(act ? { act } : {}) }]);
  setTimeout(() => dismiss(id), shownMs);
};

const addRegion = (id: string) => {
  regions = [...regions, id];
  replace(toasts);
  return () => {
    regions = regions.filter((each) => each !== id);
    replace(toasts);
  };
};

const none: readonly Toast[] = [];

/**
 * Stands once in each app, and in each open dialog, since everything behind a modal dialog is out of reach. Its region
 * exists from the start, because screen readers announce only what changes in one.
 */
export const Toasts = () => {
  const id = useId();
  useEffect(() => addRegion(id), [id]);
  const shown = useSyncExternalStore(subscribe, () => (regions.at(-1) === id ? toasts : none));
  return (
    <div
      role="status"
      className="pointer-events-none fixed inset-x-4 bottom-4 z-50 flex flex-col items-center gap-2 sm:items-end"
    >
      {shown.map(({ id, text, act }) => (
        <div
          key={id}
          className="rise-in pointer-events-auto flex min-h-12 max-w-md items-center gap-2 rounded-xl bg-ink py-1 pr-1 pl-4 text-page text-sm shadow-float"
        >
          <span className="py-2">{text}</span>
          {act && (
            <button
              type="button"
              onClick={() => {
                dismiss(id);
                act.run();
              }}
              className="min-h-11 shrink-0 rounded-lg px-3 font-semibold underline underline-offset-4"
            >
              {act.label}
            </button>
          )}
          <button
            type="button"
            aria-label="Dismiss"
            onClick={() => dismiss(id)}
            className="grid size-11 shrink-0 place-items-center rounded-lg"
          >
            <CloseIcon size={16} />
          </button>
        </div>
      ))}
    </div>
  );
};
