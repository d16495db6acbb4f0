import { useEffect, useState } from 'react';
import { MinusIcon, PlusIcon } from '../../kit/icons.tsx';

/** A number between two buttons; typing is possible, and what is no number is put back when the field is left. */
export const QuantityField = ({
  label,
  value,
  max,
  onChange,
  isLarge = false,
}: {
  label: string;
  value: number;
  max: number;
  onChange(quantity: number): void;
  isLarge?: boolean;
}) => {
  const [text, setText] = useState(String(value));
  useEffect(() => setText(String(value)), [value]);
  const set = (quantity: number) => {
    const within = Math.max(1, Math.min(max, quantity));
    setText(String(within));
    if (within !== value) onChange(within);
  };
  return (
    <div
      className={`inline-flex items-stretch rounded-lg border border-line-strong bg-surface ${isLarge ? 'h-13' : 'h-11'}`}
    >
      <button
        type="button"
        aria-label={`${label}: one less`}
        disabled={value <= 1}
        onClick={() => set(value - 1)}
        className="grid w-11 place-items-center rounded-l-lg hover:bg-sunken disabled:opacity-40"
      >
        <MinusIcon size={18} />
      </button>
      <input
        aria-label={label}
        inputMode="numeric"
        value={text}
        onChange={({ target }) => setText(target.value.replace(/\D/g, '').slice(0, 4))}
        onBlur={() => (text === '' ? setText(String(value)) : set(Number(text)))}
        onKeyDown={({ key }) => key === 'Enter' && text !== '' && set(Number(text))}
        className="tabular w-11 bg-transparent text-center"
      />
      <button
        type="button"
        aria-label={`${label}: one more`}
        disabled={value >= max}
        onClick={() => set(value + 1)}
        className="grid w-11 place-items-center rounded-r-lg hover:bg-sunken disabled:opacity-40"
      >
        <PlusIcon size={18} />
      </button>
    </div>
  );
};
