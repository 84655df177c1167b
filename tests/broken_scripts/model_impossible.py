from dataclasses import dataclass

from tigrest import Handler


class Thing:
    pass


@dataclass
class Order:
    thing: Thing


class Broken(Handler):
    regex = "/model_impossible"

    def exec_post(self, content: Order):
        return content
