"""A year of departures from New York that nobody flew: the demo's tables where the package of real ones is missing.

Airports, distances and airlines are real; the rest is drawn at random, the same each time. Evenings are late, and
storms delay.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gateway.demo.flights import TABLES

FLIGHTS = 100_000
_PLANES = 900
_HOURS = 365 * 24
_ORIGINS = ("EWR", "JFK", "LGA")
_START = np.datetime64("2013-01-01T00", "h")
_AIRLINES = {
    "9E": "Endeavor Air Inc.",
    "AA": "American Airlines Inc.",
    "B6": "JetBlue Airways",
    "DL": "Delta Air Lines Inc.",
    "EV": "ExpressJet Airlines Inc.",
    "MQ": "Envoy Air",
    "UA": "United Air Lines Inc.",
    "US": "US Airways Inc.",
    "WN": "Southwest Airlines Co.",
}
_AIRPORTS = (
    ("EWR", "Newark Liberty Intl", 40.6925, -74.168667, 18, -5, "America/New_York", 0),
    ("JFK", "John F Kennedy Intl", 40.639751, -73.778925, 13, -5, "America/New_York", 0),
    ("LGA", "La Guardia", 40.777245, -73.872608, 22, -5, "America/New_York", 0),
    ("ATL", "Hartsfield Jackson Atlanta Intl", 33.636719, -84.428067, 1026, -5, "America/New_York", 760),
    ("BOS", "General Edward Lawrence Logan Intl", 42.364347, -71.005181, 19, -5, "America/New_York", 187),
    ("CLT", "Charlotte Douglas Intl", 35.214, -80.943139, 748, -5, "America/New_York", 541),
    ("DEN", "Denver Intl", 39.861656, -104.673178, 5431, -7, "America/Denver", 1620),
    ("DFW", "Dallas Fort Worth Intl", 32.896828, -97.037997, 607, -6, "America/Chicago", 1389),
    ("FLL", "Fort Lauderdale Hollywood Intl", 26.072583, -80.15275, 9, -5, "America/New_York", 1069),
    ("IAH", "George Bush Intercontinental", 29.984433, -95.341442, 97, -6, "America/Chicago", 1416),
    ("LAX", "Los Angeles Intl", 33.942536, -118.408075, 126, -8, "America/Los_Angeles", 2475),
    ("MCO", "Orlando Intl", 28.429394, -81.308994, 96, -5, "America/New_York", 944),
    ("MIA", "Miami Intl", 25.79325, -80.290556, 8, -5, "America/New_York", 1089),
    ("ORD", "Chicago Ohare Intl", 41.978603, -87.904842, 668, -6, "America/Chicago", 733),
    ("SFO", "San Francisco Intl", 37.618972, -122.374889, 13, -8, "America/Los_Angeles", 2586),
    ("TPA", "Tampa Intl", 27.975472, -82.53325, 26, -5, "America/New_York", 1005),
)
_MODELS = (
    ("BOEING", "737-824", 149),
    ("AIRBUS", "A320-232", 200),
    ("EMBRAER", "EMB-145LR", 55),
    ("BOMBARDIER INC", "CL-600-2D24", 95),
)
Numbers = npt.NDArray[Any]
Columns = Mapping[str, Any]


def made_up_table(name: str) -> pa.Table:
    """Return one of the tables, in the types of ``flights.TABLES``."""
    columns = _MAKERS[name]()
    types = TABLES[name]
    arrays = [pa.array(columns[column], kind, from_pandas=True) for column, kind in types.items()]
    return pa.table(arrays, names=list(types))


def _random(name: str) -> np.random.Generator:
    return np.random.default_rng([2013, *name.encode()])


def _airlines() -> Columns:
    return {"carrier": list(_AIRLINES), "name": list(_AIRLINES.values())}


def _airports() -> Columns:
    faa, name, lat, lon, alt, tz, tzone, _ = zip(*_AIRPORTS, strict=True)
    dst = ["A"] * len(faa)
    return {"faa": faa, "name": name, "lat": lat, "lon": lon, "alt": alt, "tz": tz, "dst": dst, "tzone": tzone}


def _tailnums() -> list[str]:
    return ["N328AA", "N725MQ", *(f"N{14228 + 37 * number}" for number in range(_PLANES - 2))]


def _planes() -> Columns:
    random = _random("planes")
    models = [_MODELS[number] for number in random.integers(0, len(_MODELS), _PLANES)]
    return {
        "tailnum": _tailnums(),
        "year": random.integers(1990, 2013, _PLANES),
        "type": ["Fixed wing multi engine"] * _PLANES,
        "manufacturer": [maker for maker, _, _ in models],
        "model": [model for _, model, _ in models],
        "engines": [2] * _PLANES,
        "seats": [seats for _, _, seats in models],
        "speed": [None] * _PLANES,
        "engine": ["Turbo-fan"] * _PLANES,
    }


@cache
def _weather() -> Columns:
    """Make each hour at each origin: a year's and a day's wave, and storms that pass over all three in some hours."""
    random, count = _random("weather"), _HOURS * len(_ORIGINS)
    hours = np.tile(np.arange(_HOURS), len(_ORIGINS))
    storm = np.convolve(random.random(_HOURS) < 0.006, np.ones(9), "same") > 0
    stormy = np.tile(storm, len(_ORIGINS))
    temp = 54 - 24 * np.cos(2 * np.pi * (hours / 24 - 20) / 365) - 6 * np.cos(2 * np.pi * (hours % 24 - 3) / 24)
    temp = np.round(temp + random.normal(0, 3, count), 2)
    humid = np.clip(np.where(stormy, 90, 58) + random.normal(0, 9, count), 15, 100)
    wind = np.round(np.clip(random.gamma(4, 2.4, count) + 9 * stormy, 0, None), 5)
    sight = np.where(stormy, random.choice([0.25, 0.5, 1, 2, 4], count), 10.0)
    return {
        "origin": np.repeat(_ORIGINS, _HOURS),
        "temp": temp,
        "dewp": np.round(temp - (100 - humid) / 2.8, 2),
        "humid": np.round(humid, 2),
        "wind_dir": random.integers(0, 37, count) * 10,
        "wind_speed": wind,
        "wind_gust": np.where(wind > 16, np.round(wind * 1.3, 5), np.nan),
        "precip": np.where(stormy, np.round(random.gamma(1, 0.08, count), 2), 0.0),
        "pressure": np.round(1017 + random.normal(0, 6, count) - 9 * stormy, 1),
        "visib": sight,
        "time_hour": _moments(hours),
    }


def _flights() -> Columns:
    random = _random("flights")
    day, hour = random.integers(0, 365, FLIGHTS), _hours(random)
    minute = random.integers(0, 12, FLIGHTS) * 5
    origin = random.integers(0, len(_ORIGINS), FLIGHTS)
    dest = random.integers(len(_ORIGINS), len(_AIRPORTS), FLIGHTS)
    distance = np.array([place[-1] for place in _AIRPORTS])[dest]
    sight = np.asarray(_weather()["visib"])[origin * _HOURS + day * 24 + hour]
    departure = _delays(random, hour, sight)
    flown = random.random(FLIGHTS) > np.where(sight < 1, 0.16, 0.015)
    air_time = np.round(distance / 7.6 + 18 + random.normal(0, 7, FLIGHTS))
    arrival = departure + np.round(random.normal(-7, 12, FLIGHTS))
    scheduled, planned = hour * 60 + minute, np.round(distance / 7.6 + 45)
    order = np.lexsort((minute, hour, day))
    columns: dict[str, Any] = {
        "dep_time": _where(flown, _clock(scheduled + departure)),
        "sched_dep_time": _clock(scheduled),
        "dep_delay": _where(flown, departure),
        "arr_time": _where(flown, _clock(scheduled + planned + arrival)),
        "sched_arr_time": _clock(scheduled + planned),
        "arr_delay": _where(flown, arrival),
        "carrier": np.array(list(_AIRLINES))[random.integers(0, len(_AIRLINES), FLIGHTS)],
        "flight": random.integers(1, 5_000, FLIGHTS),
        "tailnum": np.array(_tailnums())[random.integers(0, _PLANES, FLIGHTS)],
        "origin": np.array(_ORIGINS)[origin],
        "dest": np.array([place[0] for place in _AIRPORTS])[dest],
        "air_time": _where(flown, air_time),
        "distance": distance,
        "time_hour": _moments(day * 24 + hour),
    }
    return {name: values[order] for name, values in columns.items()}


def _hours(random: np.random.Generator) -> Numbers:
    """Draw hours from 5 to 22, more of them in the morning and the afternoon."""
    hours = np.arange(5, 23)
    weights = 1 + np.exp(-(((hours - 8) / 2.5) ** 2)) + np.exp(-(((hours - 17) / 3) ** 2))
    drawn: Numbers = random.choice(hours, FLIGHTS, p=weights / weights.sum())
    return drawn


def _delays(random: np.random.Generator, hour: Numbers, sight: Numbers) -> Numbers:
    """Draw minutes of delay: most leave a little early, some late, more of them in the evening and in a storm."""
    late = random.random(FLIGHTS) < 0.12 + 0.014 * (hour - 5) + 0.3 * (sight < 4)
    delays: Numbers = np.round(
        random.normal(-3, 4, FLIGHTS) + late * random.exponential(38 + 30 * (sight < 1), FLIGHTS)
    )
    return delays


def _clock(minutes: Numbers) -> Numbers:
    """Write minutes of a day as ``hhmm``."""
    within = np.mod(minutes, 24 * 60)
    clock: Numbers = within // 60 * 100 + within % 60
    return clock


def _where(known: Numbers, values: Numbers) -> Numbers:
    return np.where(known, values, np.nan)


def _moments(hours: Numbers) -> Numbers:
    return (_START + hours.astype("timedelta64[h]")).astype("datetime64[us]")


_MAKERS: Mapping[str, Callable[[], Columns]] = {
    "flights": _flights,
    "weather": _weather,
    "planes": _planes,
    "airlines": _airlines,
    "airports": _airports,
}
