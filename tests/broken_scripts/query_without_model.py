from pydantic import BaseModel

from tigrest import Handler


class Order(BaseModel):
    id: int


class Broken(Handler):
    regex = "/query_without_model"

    def exec_get(self, query: str):
        return query
