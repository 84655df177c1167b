from tigrest import Handler


class Twin(Handler):
    regex = "/same"

    def exec_get(self):
        return {}
