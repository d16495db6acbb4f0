import { useState } from 'react';
import { Button } from '../kit/button.tsx';
import { TextField } from '../kit/field.tsx';

/** `onSearch` gets the words without the space around them; empty ones end the search. */
export const SearchForm = ({
  label = 'Search',
  verb = 'Search',
  found = '',
  maxLength,
  className,
  onSearch,
}: {
  label?: string;
  verb?: string;
  /** What was asked for when the page was opened. */
  found?: string | undefined;
  maxLength: number;
  className: string;
  onSearch(words: string): void;
}) => {
  const [text, setText] = useState(found);
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        onSearch(text.trim());
      }}
      className={`flex max-w-md items-end gap-2 ${className}`}
    >
      <TextField
        label={label}
        type="search"
        value={text}
        maxLength={maxLength}
        onChange={(event) => setText(event.target.value)}
        className="flex-1"
      />
      <Button type="submit" look="secondary">
        {verb}
      </Button>
    </form>
  );
};
