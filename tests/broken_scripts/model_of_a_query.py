from pydantic import BaseModel

from tigrest import Handler


class Order(BaseModel):
    id: int


class Broken(Handler):
    regex = "/model_of_a_query"

    def exec_post(self, query: list[Order]):
        return query
