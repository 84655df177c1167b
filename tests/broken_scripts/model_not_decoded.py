from pydantic import BaseModel

from tigrest import Handler


class Order(BaseModel):
    id: int


class Broken(Handler):
    regex = "/model_not_decoded"
    decodeContent = False

    def exec_post(self, content: Order):
        return content
