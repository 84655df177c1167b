from typing import TypedDict

from tigrest import Handler


class Order(TypedDict):
    id: int


class Broken(Handler):
    regex = "/model_typed_dict"

    def exec_post(self, content: Order):
        return content
