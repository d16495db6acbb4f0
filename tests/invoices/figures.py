"""Figures of the invoices, from their file alone, for the test that compares them with the answers of the analytics.

Usage: python3 figures.py INVOICES.csv.gz PRODUCT END  (a stock code, for what is bought together; when the period ends)

Prints one JSON object. It shares no line with the shop: amounts are decimals, calendars are those of Python's zoneinfo.
"""

import csv
import gzip
import io
import json
import sys
from collections import Counter, defaultdict, namedtuple
from datetime import datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

LONDON = ZoneInfo("Europe/London")
UTC = timezone.utc
ZONES = {"UTC": UTC, "Europe/London": LONDON}

Line = namedtuple("Line", "order first product customer pieces pence at sold_at is_sale")


def read(path):
    """The ledger: lines sold, and returns at the price of the last sale to the same customer that has pieces left."""
    ledger, times, bought = [], {}, defaultdict(list)
    with gzip.open(path, "rb") as packed:
        for row in csv.DictReader(io.TextIOWrapper(packed, "utf-8", newline="")):
            code, price, pieces = row["StockCode"].strip().upper(), Decimal(row["UnitPrice"]), int(row["Quantity"])
            if not code[:5].isdigit() or len(code) < 5 or price <= 0:
                continue
            is_return = row["InvoiceNo"].startswith("C")
            if is_return == (pieces > 0):
                continue
            at = instant_of(row["InvoiceDate"])
            owner = (row["CustomerID"], code)
            if not is_return:
                order = row["InvoiceNo"]
                first = order not in times
                at = times.setdefault(order, at)
                pence = int((price * 100 * pieces).quantize(Decimal(1), ROUND_HALF_UP))
                ledger.append(Line(order, first, code, row["CustomerID"], pieces, pence, at, at, True))
                bought[owner].append([ledger[-1], pieces])
            elif row["CustomerID"]:
                known = next((one for one in reversed(bought[owner]) if one[1] > 0), None)
                if known is None:
                    continue
                sale, left = known
                back = min(left, -pieces)
                known[1] -= back
                pence = sale.pence * back // sale.pieces
                ledger.append(sale._replace(first=False, pieces=-back, pence=-pence, at=at, is_sale=False))
    return ledger


def add_up(lines):
    sold = [line for line in lines if line.is_sale]
    gross = sum(line.pence for line in sold)
    net = sum(line.pence for line in lines)
    return {
        "orders": sum(line.first for line in sold),
        "units": sum(line.pieces for line in lines),
        "gross": gross,
        "refunds": gross - net,
        "net": net,
    }


@lru_cache(maxsize=None)
def start_of(at, zone, unit):
    whole = {"minute": 0, "second": 0, "microsecond": 0, **({"hour": 0, "fold": 0} if unit == "day" else {})}
    start = at.astimezone(ZONES[zone]).replace(**whole)
    return start.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


@lru_cache(maxsize=None)
def month_of(at, zone):
    return at.astimezone(ZONES[zone]).strftime("%Y-%m")


@lru_cache(maxsize=None)
def instant_of(text):
    at = datetime.fromisoformat(text)
    return (at if at.tzinfo else at.replace(tzinfo=LONDON)).astimezone(UTC)


def revenue(ledger, zone, unit, by_sale):
    buckets = defaultdict(list)
    for line in ledger:
        buckets[start_of(line.sold_at if by_sale else line.at, zone, unit)].append(line)
    return {start: add_up(lines) for start, lines in sorted(buckets.items())}


def products(ledger):
    totals = defaultdict(lambda: [0, 0])
    for line in ledger:
        totals[line.product][0] += line.pieces
        totals[line.product][1] += line.pence
    return {product: {"units": units, "net": net} for product, (units, net) in totals.items()}


def retention(ledger, zone):
    months = defaultdict(set)
    for line in ledger:
        if line.is_sale and line.customer:
            months[line.customer].add(month_of(line.at, zone))
    cells = Counter((min(own), month) for own in months.values() for month in own)
    return {f"{cohort} {month}": buyers for (cohort, month), buyers in sorted(cells.items())}


def basket(ledger, product):
    orders = defaultdict(set)
    for line in ledger:
        if line.is_sale:
            orders[line.order].add(line.product)
    own = Counter(one for basket in orders.values() for one in basket)
    together = Counter(one for basket in orders.values() if product in basket for one in basket - {product})
    return {"orders": len(orders), "ordersOfProduct": own[product], "together": together, "own": own}


def segments(ledger, end):
    """Buyers by the fifths in which the last order, the number of orders and the money lie, equal ones in one place.

    An order within a week or a month of the end is recent, however many are more recent.
    """
    last, orders, net = {}, Counter(), Counter()
    for line in ledger:
        if not line.customer:
            continue
        net[line.customer] += line.pence
        if line.is_sale:
            last[line.customer] = max(line.at, last.get(line.customer, line.at))
            orders[line.customer] += line.first

    def fifths(values):
        counts, below, fifth = Counter(values.values()), 0, {}
        for value in sorted(counts):
            fifth[value] = 1 + (5 * (2 * below + counts[value])) // (2 * len(values))
            below += counts[value]
        return {buyer: fifth[value] for buyer, value in values.items()}

    def least(at):
        return 4 if end - at <= timedelta(days=7) else 3 if end - at <= timedelta(days=30) else 1

    recency = {buyer: max(fifth, least(last[buyer])) for buyer, fifth in fifths(last).items()}
    frequency = fifths({buyer: orders[buyer] for buyer in last})
    amount = fifths({buyer: net[buyer] for buyer in last})
    table = [
        ["hibernating", "hibernating", "at_risk", "at_risk", "cannot_lose"],
        ["hibernating", "hibernating", "at_risk", "at_risk", "cannot_lose"],
        ["about_to_sleep", "about_to_sleep", "need_attention", "loyal", "loyal"],
        ["promising", "potential_loyalists", "potential_loyalists", "loyal", "loyal"],
        ["new", "potential_loyalists", "potential_loyalists", "champions", "champions"],
    ]
    found = defaultdict(lambda: {"buyers": 0, "orders": 0, "net": 0})
    for buyer in last:
        row = found[table[recency[buyer] - 1][-(-(frequency[buyer] + amount[buyer]) // 2) - 1]]
        row["buyers"] += 1
        row["orders"] += orders[buyer]
        row["net"] += net[buyer]
    return found


def buyers(ledger, start):
    """Of the time from `start` on: the accounts that ordered, and those that had not before."""
    now = {line.customer for line in ledger if line.is_sale and line.customer and line.at >= start}
    before = {line.customer for line in ledger if line.is_sale and line.customer and line.at < start}
    return {"buyers": len(now), "newBuyers": len(now - before)}


def main(path, product, end):
    ledger = read(path)
    october = datetime(2011, 10, 1, tzinfo=UTC)
    modes = {"return_day": False, "sale_day": True}
    figures = {
        "lines": len(ledger),
        "revenue": {
            f"{zone} {unit} {mode}": revenue(ledger, zone, unit, by_sale)
            for zone in ZONES
            for unit in ("day", "hour")
            for mode, by_sale in modes.items()
        },
        "products": products(ledger),
        "retention": {zone: retention(ledger, zone) for zone in ZONES},
        "basket": basket(ledger, product),
        "segments": segments(ledger, datetime.fromisoformat(end.replace("Z", "+00:00"))),
        "all": {**add_up(ledger), "buyers": len({line.customer for line in ledger if line.is_sale and line.customer})},
        "october": {**add_up([line for line in ledger if line.at >= october]), **buyers(ledger, october)},
    }
    json.dump(figures, sys.stdout)


main(*sys.argv[1:4])
