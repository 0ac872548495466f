"""The plain way to answer a chart request: SQLAlchemy, pandas and `ta` behind a FastAPI endpoint."""

import os
from typing import Any

import pandas as pd
import ta
import uvicorn
from fastapi import FastAPI
from sqlalchemy import create_engine, text

QUERY = text(
    "SELECT session, open, high, low, close, volume FROM bar_1d b JOIN instrument i ON i.id = b.instrument_id"
    " WHERE i.symbol = :symbol ORDER BY session"
)


def create_app(url: str) -> FastAPI:
    """One endpoint with the same answer as ours: bars and RSI, MACD, Bollinger bands, ATR, SMA."""
    app = FastAPI()
    engine = create_engine(url)

    @app.get("/chart/{symbol}")
    def chart(symbol: str) -> dict[str, Any]:
        with engine.connect() as connection:
            bars = pd.read_sql(QUERY, connection, params={"symbol": symbol})
        for name, column in indicators(bars).items():
            bars[name] = column
        bars = bars.tail(3000)
        bars["session"] = bars["session"].astype(str)
        columns: dict[str, Any] = bars.astype(object).where(bars.notna(), None).to_dict(orient="list")
        return columns

    return app


def indicators(bars: pd.DataFrame) -> dict[str, pd.Series]:
    """The same five indicators by `ta`."""
    close, high, low = bars["close"], bars["high"], bars["low"]
    macd = ta.trend.MACD(close)
    bands = ta.volatility.BollingerBands(close)
    return {
        "rsi": ta.momentum.RSIIndicator(close).rsi(),
        "macd": macd.macd(),
        "signal": macd.macd_signal(),
        "histogram": macd.macd_diff(),
        "upper": bands.bollinger_hband(),
        "middle": bands.bollinger_mavg(),
        "lower": bands.bollinger_lband(),
        "atr": ta.volatility.AverageTrueRange(high, low, close).average_true_range(),
        "sma": ta.trend.SMAIndicator(close, 50).sma_indicator(),
    }


if __name__ == "__main__":
    uvicorn.run(
        create_app(os.environ["PEER_DATABASE"]), port=int(os.environ["PEER_PORT"]), log_level="warning"
    )
