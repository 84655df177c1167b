from pydantic import BaseModel

from tigrest import Handler


class Order(BaseModel):
    id: int


class Broken(Handler):
    regex = "/model_unknown"

    def exec_post(self, content: "Oder"):
        return content
