from logferry.embed import Handler as Handler
from logferry.embed import Pipeline as Pipeline

__version__: str
