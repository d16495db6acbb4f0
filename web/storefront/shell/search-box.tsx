import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useNavigate, useRouterState } from '@tanstack/react-router';
import { type KeyboardEvent, useEffect, useId, useRef, useState } from 'react';
import { api } from '../../api/client.ts';
import { CoverPicture } from '../../cover/cover.tsx';
import { classes } from '../../kit/classes.ts';
import { SearchIcon } from '../../kit/icons.tsx';
import { Price } from '../../money/price.tsx';
import { categoryWords } from '../../words/words.ts';
import type { Product } from '../catalogue/products.ts';
import { nextMarked } from './marked.ts';

const pauseMs = 200;
const suggestedMax = 6;
const categoriesMax = 3;

type Option = { key: string; go(): void } & (
  | { kind: 'category'; path: string; count: number }
  | { kind: 'product'; product: Product }
);

/** The text after the typing has paused. */
const useSettled = (text: string): string => {
  const [settled, setSettled] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text), pauseMs);
    return () => clearTimeout(timer);
  }, [text]);
  return settled;
};

const useSuggestions = (text: string) =>
  useQuery({
    queryKey: ['get', '/api/products/search', 'suggestions', text],
    enabled: text.length >= 2,
    placeholderData: keepPreviousData,
    staleTime: 60_000,
    retry: false,
    queryFn: async ({ signal }) =>
      (await api.GET('/api/products/search', { params: { query: { q: text, limit: suggestedMax } }, signal }))
        .data,
  });

/**
 * The search field with suggestions, after the combobox pattern: arrows move through the list, Enter opens what is
 * marked or searches for what was typed, Escape closes. The typed text is never replaced.
 */
export const SearchBox = () => {
  const query = useRouterState({
    select: ({ location }) =>
      location.pathname === '/search' ? String((location.search as { q?: string }).q ?? '') : '',
  });
  const [text, setText] = useState(query);
  const [isOpen, setOpen] = useState(false);
  const [marked, setMarked] = useState(-1);
  const box = useRef<HTMLFormElement>(null);
  const listId = useId();
  const navigate = useNavigate();
  const settled = useSettled(text.trim());
  const { data } = useSuggestions(settled);
  useEffect(() => setText(query), [query]);

  const close = () => {
    setOpen(false);
    setMarked(-1);
  };
  const search = () => {
    const q = text.trim();
    close();
    if (q !== '') void navigate({ to: '/search', search: { q } });
  };
  const options: Option[] =
    settled.length < 2 || data === undefined
      ? []
      : [
          ...data.facets.category.slice(0, categoriesMax).map(
            ({ value, count }): Option => ({
              kind: 'category',
              key: value,
              path: value,
              count,
              go: () => void navigate({ to: '/search', search: { q: text.trim(), category: value } }),
            }),
          ),
          ...data.items.map(
            (product): Option => ({
              kind: 'product',
              key: product.id,
              product,
              go: () => void navigate({ to: '/products/$productId', params: { productId: product.id } }),
            }),
          ),
        ];
  const isShown = isOpen && options.length > 0;

  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined && options.length > 0) {
      event.preventDefault();
      setOpen(true);
      setMarked((at) => nextMarked(at, step, options.length));
    }
    if (event.key === 'Escape' && isShown) {
      event.preventDefault();
      close();
    }
    const chosen = options[marked];
    if (event.key === 'Enter' && isShown && chosen !== undefined) {
      event.preventDefault();
      chosen.go();
      close();
    }
  };

  return (
    // biome-ignore lint/a11y/useSemanticElements: a form within <search> would be one box more.
    <form
      ref={box}
      role="search"
      className="relative"
      onSubmit={(event) => {
        event.preventDefault();
        search();
      }}
      onBlur={({ relatedTarget }) => !box.current?.contains(relatedTarget) && close()}
    >
      <SearchIcon className="pointer-events-none absolute top-3 left-3.5 text-ink-soft" />
      <input
        type="search"
        name="q"
        value={text}
        maxLength={200}
        placeholder="Search: lantern, tea set, bunting…"
        aria-label="Search the shop"
        role="combobox"
        aria-expanded={isShown}
        aria-controls={listId}
        aria-autocomplete="list"
        aria-activedescendant={isShown && options[marked] !== undefined ? `${listId}-${marked}` : undefined}
        autoComplete="off"
        onChange={({ target }) => {
          setText(target.value);
          setOpen(true);
          setMarked(-1);
        }}
        onFocus={() => setOpen(true)}
        onKeyDown={onKeyDown}
        className="min-h-11 w-full rounded-full border border-line-strong bg-page pr-4 pl-11 text-base placeholder:text-ink-soft [&::-webkit-search-cancel-button]:opacity-60"
      />
      <div
        id={listId}
        role="listbox"
        aria-label="Suggestions"
        hidden={!isShown}
        className="absolute inset-x-0 top-full z-40 mt-2 max-h-[70dvh] overflow-y-auto rounded-2xl border border-line bg-raised py-2 shadow-float"
      >
        {options.map((option, place) => (
          <Suggestion
            key={option.key}
            id={`${listId}-${place}`}
            option={option}
            isMarked={place === marked}
            onPress={() => {
              option.go();
              close();
            }}
          />
        ))}
      </div>
    </form>
  );
};

const Suggestion = ({
  id,
  option,
  isMarked,
  onPress,
}: {
  id: string;
  option: Option;
  isMarked: boolean;
  onPress(): void;
}) => (
  // biome-ignore lint/a11y/useKeyWithClickEvents: the field has the keyboard, as the combobox pattern says.
  <div
    id={id}
    role="option"
    aria-selected={isMarked}
    tabIndex={-1}
    onMouseDown={(event) => event.preventDefault()}
    onClick={onPress}
    className={classes(
      'flex min-h-11 cursor-pointer items-center gap-3 px-4 py-1.5 hover:bg-sunken',
      isMarked && 'bg-sunken',
    )}
  >
    {option.kind === 'product' ? (
      <>
        <CoverPicture product={option.product} className="w-9 shrink-0 rounded-md" />
        <span className="min-w-0 flex-1 truncate">{option.product.name}</span>
        <Price money={option.product.price} className="text-ink-soft text-sm" />
      </>
    ) : (
      <>
        <SearchIcon size={18} className="text-ink-soft" />
        <span className="flex-1">
          in <strong className="font-semibold">{categoryWords(option.path)}</strong>
        </span>
        <span className="tabular text-ink-soft text-sm">{option.count}</span>
      </>
    )}
  </div>
);
