import type { ButtonHTMLAttributes, ReactNode } from 'react';
import { classes } from './classes.ts';

type Look = 'primary' | 'secondary' | 'quiet' | 'danger';
type Size = 'small' | 'medium' | 'large';

const looks: Readonly<Record<Look, string>> = {
  primary: 'bg-action text-action-ink hover:bg-action-hover',
  secondary: 'border border-line-strong bg-surface text-ink hover:bg-sunken',
  quiet: 'text-action hover:bg-action-wash',
  danger: 'border border-bad text-bad hover:bg-bad-wash',
};

/** Small ones are for pointers in dense tables; everywhere else a target is 44 px high. */
const sizes: Readonly<Record<Size, string>> = {
  small: 'min-h-8 rounded-md px-3 text-sm',
  medium: 'min-h-11 rounded-lg px-4 text-[0.9375rem]',
  large: 'min-h-13 rounded-xl px-6 text-base',
};

/** The classes of a button, for links that look like one. */
export const buttonClasses = (look: Look = 'primary', size: Size = 'medium', more?: string): string =>
  classes(
    'inline-flex select-none items-center justify-center gap-2 text-center font-semibold transition-colors duration-150',
    'disabled:cursor-not-allowed disabled:opacity-55 aria-disabled:cursor-not-allowed aria-disabled:opacity-55',
    looks[look],
    sizes[size],
    more,
  );

export type ButtonProps = ButtonHTMLAttributes<HTMLButtonElement> & {
  look?: Look;
  size?: Size;
  /** While true the button shows that it works, keeps its focus and its width, and ignores presses. */
  isBusy?: boolean;
  children: ReactNode;
};

export const Button = ({
  look,
  size,
  isBusy = false,
  className,
  onClick,
  children,
  ...rest
}: ButtonProps) => (
  <button
    type="button"
    {...rest}
    aria-busy={isBusy || undefined}
    onClick={isBusy ? (event) => event.preventDefault() : onClick}
    className={buttonClasses(look, size, className)}
  >
    {isBusy && (
      <span
        aria-hidden="true"
        className="size-4 animate-spin rounded-full border-2 border-current border-r-transparent"
      />
    )}
    {children}
  </button>
);
